"""Imports TensorFlow without its dozen lines of greeting, and ends quietly.

Some of them are written before it reads its own setting. A signal in these seconds ends
the process; later ones are those of `selfsup.stopping`.
"""

import os
import signal
import sys


def _end(number, frame):
    del frame
    sys.stderr.write("Stopped before anything was done.\n")
    sys.stderr.flush()
    os._exit(128 + number)


for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, _end)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.stderr.flush()
_screen, _nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 2)
try:
    import tensorflow  # noqa: F401
finally:
    os.dup2(_screen, 2)
    os.close(_nowhere)
    os.close(_screen)
