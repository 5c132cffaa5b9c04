"""Programs that stand for the one that times a step, without its imports."""

import inspect
import sys

from selfsup.analysis.benchmarks import child

_HEAD = f"""
import json, sys
_READY = {child._READY!r}
{inspect.getsource(child.turns)}
"""


def program(text):
    """Returns the program of a text that may use `json`, `sys` and `child.turns`."""
    return sys.executable, "-c", _HEAD + text
