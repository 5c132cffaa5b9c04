"""The benchmark tool: what it measures goes to the screen and to a file."""

import importlib
import json

import pytest

from selfsup.cli.benchmark import TOOL

import tool_calls


@pytest.mark.parametrize("what", ["input", "train", "segment", "serve"])
def test_each_benchmark_is_called_and_its_result_written(what, tmp_path, monkeypatch):
    calls = []

    def measure(*args):
        calls.append(args)
        return {"ratio": 0.5}

    module = importlib.import_module(f"selfsup.analysis.benchmarks.{what}")
    monkeypatch.setattr(module, "measure", measure)
    output = tmp_path / "result.json"
    answer = tool_calls.call(TOOL, f"--what={what}", "--rounds=3", f"--output={output}")
    assert answer.code == 0, answer.text
    assert json.loads(output.read_text())["ratio"] == 0.5
    ((*_, rounds_or_requests),) = calls
    assert rounds_or_requests == (1000 if what == "serve" else 3)


@pytest.mark.slow
def test_the_input_is_measured(tmp_path):
    flags = "--what=input --crop_size=32 --batch_size=4 --images=8 --rounds=1"
    answer = tool_calls.call(TOOL, *flags.split(), f"--output={tmp_path}/result.json")
    assert answer.code == 0, answer.text
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["cores"] > 0
    assert set(result) == {"cores", "decode_only", "naive", "pipeline"}


def test_other_measures_are_refused():
    line = tool_calls.call(TOOL, "--what=all").error_line()
    assert "one of input, train, segment, serve. Received: what='all'" in line
