"""The benchmark tool: what it measures goes to the screen and to a file."""

import importlib
import json

import pytest

from selfsup.cli.benchmark import BENCHMARKS, TOOL

import tool_calls


@pytest.mark.parametrize("what", BENCHMARKS)
def test_each_benchmark_is_called_and_its_result_written(what, tmp_path, monkeypatch):
    module = importlib.import_module(f"selfsup.analysis.benchmarks.{what}")
    configs, drawn = [], []
    key, form = list(module.COLUMNS.values())[-1]

    def measure(config):
        configs.append(config)
        return [{key: 123.0}, {key: 4.0}]

    monkeypatch.setattr(module, "measure", measure)
    monkeypatch.setattr(module, "draw", lambda *args: drawn.append(args), raising=False)
    output = tmp_path / "result.jsonl"
    answer = tool_calls.call(TOOL, f"--what={what}", "--rounds=3", f"--output={output}")
    assert answer.code == 0, answer.text
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row[key] for row in found] == [123.0, 4.0]
    assert all(row["what"] == what and row["cores"] > 0 for row in found)
    assert answer.text.splitlines()[1].strip() == format(123.0, form)
    (config,) = configs
    assert isinstance(config, BENCHMARKS[what]) and config.rounds == 3
    assert len(drawn) == (what == "growth")
    if drawn:
        assert drawn == [(found, tmp_path / "result.png")]


@pytest.mark.slow
def test_the_input_is_measured(tmp_path):
    flags = "--what=input --crop_size=32 --batch_size=4 --images=8 --rounds=1"
    output = tmp_path / "result.jsonl"
    answer = tool_calls.call(TOOL, *flags.split(), f"--output={output}")
    assert answer.code == 0, answer.text
    ways = [json.loads(line)["way"] for line in output.read_text().splitlines()]
    assert ways == ["decode_only", "pipeline", "naive", "opencv"]


@pytest.mark.slow
def test_a_step_is_trained_in_a_process_of_its_own():
    flags = "--what=train --network=alexnet --width=0.02 --crop_size=64 --rounds=1"
    answer = tool_calls.call(TOOL, *flags.split(), "--batch_size=2", "--hidden=8")
    assert answer.code == 0, answer.text
    *_, titles, row = answer.text.splitlines()
    assert "images/s" in titles and row.split()[0] == "keras"


def test_other_measures_and_flags_of_others_are_refused():
    line = tool_calls.call(TOOL, "--what=all").error_line()
    assert "one of input, train, growth, segment, serve. Received: what='all'" in line
    line = tool_calls.call(TOOL, "--what=input", "--requests=3").error_line()
    assert "not for --what=input" in line and line.endswith("Received: --requests")


def test_nothing_measured_is_an_error(monkeypatch):
    module = importlib.import_module("selfsup.analysis.benchmarks.train")
    failed = {"side": "keras", "error": "Traceback\nno such layer\n"}
    failed["out_of_memory"] = False
    monkeypatch.setattr(module, "measure", lambda config: [failed])
    line = tool_calls.call(TOOL, "--what=train").error_line()
    assert line.endswith("Expected a step that runs. Received: no such layer")


def test_other_backends_are_refused_where_tensorflow_is_needed(monkeypatch):
    monkeypatch.setattr("keras.config.backend", lambda: "jax")
    line = tool_calls.call(TOOL, "--what=input").error_line()
    assert "Expected the TensorFlow backend. Received: jax" in line
