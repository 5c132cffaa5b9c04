"""Both sides of a step take turns, and are compared round by round."""

import importlib.util
import json

import child_programs
import pytest

from selfsup.analysis.benchmarks import train
from selfsup.analysis.benchmarks.configs import TrainConfig

# Stands for the real one: the twin takes twice the time.
_PROGRAM = """
side = next(flag for flag in sys.argv if flag.startswith("--side=")).split("=")[1]
rounds = sum(1 for _ in turns())
times = [(1 + (side == "torch")) * (i + 1) for i in range(rounds)]
line = {"seconds_by_round": times, "processor_seconds_by_round": times}
if side == "torch":
    line |= {"twin_loss": (3.0, 3.5), "twin_gradient_norm": (4.0, 4.5)}
else:
    line["timed_parts"] = {"hypercolumn": {"milliseconds": 1.0}}
print(json.dumps(line))
"""


def test_sides_take_turns_and_parts_are_lines(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    program = child_programs.program(_PROGRAM)
    ours, twin, part = train.measure(TrainConfig(rounds=3), program)
    assert [ours["side"], twin["side"]] == ["keras", "torch"]
    assert ours["seconds_by_round"] == [1, 2, 3]
    assert ours["ratio_to_torch"] == ours["processor_ratio_to_torch"] == 2
    assert (ours["twin_loss"], twin["twin_gradient_norm"]) == (3.0, 4.5)
    assert part == {"side": "keras", "part": "hypercolumn", "milliseconds": 1.0}


@pytest.mark.parametrize(
    "settings, installed, sides",
    [
        ({}, True, ["keras", "torch"]),
        ({}, False, ["keras"]),
        ({"network": "resnet152"}, True, ["keras"]),
        ({"network": "resnet152", "hypercolumn": False}, True, ["keras", "torch"]),
        ({"side": "torch"}, False, ["torch"]),
    ],
)
def test_the_twin_runs_where_there_is_one(settings, installed, sides, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: installed or None)
    assert train._sides(TrainConfig(**settings)) == sides


def test_a_side_that_failed_has_no_ratio():
    lines = train.compared({"keras": {"ms": 1}, "torch": {"error": "", "ms": 2}})
    assert lines == [{"ms": 1}, {"error": "", "ms": 2}]
    assert json.dumps(lines)
