"""The suite goes on whatever becomes of a case."""

import json
import sys

from selfsup.analysis.benchmarks import step_suite
from selfsup.analysis.benchmarks.step_suite import Case

# Stands for the real one: its batch says what becomes of it.
_PROGRAM = """
import json, os, sys, time
flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in sys.argv[1:])
size = int(flags["batch_size"])
if size == 1:
    sys.exit("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")
if size == 2:
    time.sleep(30)
if size == 3:
    raise ValueError("no such layer")
figures = ["images_per_second", "milliseconds", "least_milliseconds"]
figures += ["greatest_milliseconds", "teraflops", "share_of_peak"]
line = dict.fromkeys(figures, size * (2 if flags["side"] == "keras" else 1))
print("a word of a library")
print(json.dumps({**line, "flags": flags, "cache": os.environ["JAX_PLATFORMS"]}))
"""


def test_failures_are_recorded_and_the_rest_is_done(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    cases = [
        Case("vgg16", 1, "keras"),
        Case("vgg16", 2, "keras", seconds=1),
        Case("vgg16", 3, "keras"),
        Case("vgg16", 4, "keras", options=("--profile=@/here",)),
        Case("vgg16", 4, "torch"),
    ]
    output = tmp_path / "new" / "step.jsonl"
    program = sys.executable, "-c", _PROGRAM
    found = step_suite.run(cases, output, 60, "there", program, ["--width=0.1"])
    assert [json.loads(line) for line in output.read_text().splitlines()] == [
        {**line, "options": list(line["options"])} for line in found
    ]
    memory, late, wrong, ours, twins = found
    assert memory["out_of_memory"] and "9 bytes" in memory["error"]
    assert "not done after 1 seconds" in late["error"] and late["whole_seconds"] < 20
    assert "no such layer" in wrong["error"] and not wrong["out_of_memory"]
    assert ours["flags"]["profile"] == "there/here"
    assert ours["flags"]["crop_size"] == "352" and ours["flags"]["width"] == "0.1"
    assert (ours["cache"], twins["cache"]) == ("cuda", "cpu")
    *_, last = step_suite.table(found).splitlines()
    assert last == "vgg16 mixed_bfloat16 4: keras / torch = 2.00"
    assert "failed: out of memory" in step_suite.table(found)


def test_no_case_starts_when_time_is_up(tmp_path):
    output = tmp_path / "step.jsonl"
    assert step_suite.run([Case("vgg16", 1, "keras")], output, 0, tmp_path) == []


def test_networks_of_all_cases_have_sizes_and_the_aims_come_first():
    assert all(case.flags() for case in step_suite.CASES)
    first = [case[:4] for case in step_suite.CASES[:2]]
    assert first == [("vgg16", 64, s, "mixed_bfloat16") for s in ("keras", "torch")]
