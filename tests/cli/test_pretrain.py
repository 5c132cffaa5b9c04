"""The tool of pretraining by any proxy task."""

import re

import pytest

from selfsup import runs, training
from selfsup.cli import pretrain
from selfsup.cli.pretrain import TASKS, TOOL
from selfsup.training import tasks

import tool_calls


@pytest.fixture
def trained(monkeypatch):
    calls = []
    monkeypatch.setattr(training, "train", lambda *args: calls.append(args) or {})
    return calls


def test_every_proxy_task_can_be_chosen():
    assert "colorization" in TASKS and "segmentation" not in TASKS
    text = " ".join(tool_calls.call(TOOL, "--help").text.split())
    for name in TASKS:
        assert name in text
    for name in "task workdir data preset network steps config".split():
        assert f"--{name}: " in text


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_trained_by_its_own_settings(name, trained):
    answer = tool_calls.call(TOOL, f"--task={name}", "--steps=3", "--seed=5")
    assert answer.text.splitlines()[-1] == f"Look at runs/{name}"
    ((task, workdir, overwrite),) = trained
    expected = tasks.get(name).Config.from_preset(steps=3, seed=5)
    assert (task.name, task.config) == (name, expected)
    assert (workdir, overwrite) == (f"runs/{name}", False)


def test_a_file_of_settings_may_be_an_earlier_runs(trained, tmp_path):
    config = training.ColorizationConfig.from_preset("paper", epochs=2.0)
    path = tmp_path / "config.json"
    runs.write_json(path, {"task": "colorization", **config.to_json()})
    assert tool_calls.call(TOOL, f"--config={path}", "--workdir=w").code == 0
    assert trained[0][0].config == config
    # A length in the other unit replaces the file's.
    assert tool_calls.call(TOOL, f"--config={path}", "--steps=7").code == 0
    assert (trained[1][0].config.steps, trained[1][0].config.epochs) == (7, None)
    assert trained[0][1] == "w"


def test_a_file_of_settings_names_the_task(trained, tmp_path):
    config = training.tasks.get("rotation").Config.from_preset(steps=3)
    path = tmp_path / "config.json"
    runs.write_json(path, {"task": "rotation", **config.to_json()})
    assert tool_calls.call(TOOL, f"--config={path}", "--workdir=w").code == 0
    ((task, *_),) = trained
    assert (task.name, task.config) == ("rotation", config)


@pytest.mark.parametrize(
    "named, flags",
    [("rotation", ["--task=colorization"]), ("puzzles", []), (["rotation"], [])],
    ids=str,
)
def test_a_file_of_another_task_is_refused(named, flags, trained, tmp_path):
    path = tmp_path / "config.json"
    runs.write_json(path, {"task": named, "steps": 3})
    line = tool_calls.call(TOOL, f"--config={path}", *flags).error_line()
    assert f"Received: {named!r} in {path}" in line
    assert not trained


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--task=segmentation"], "Received: task='segmentation'"),
        (["--task=detection"], "Received: task='detection'"),
        (["--voc_dir=VOC"], "Received: --voc_dir"),
        (["--preset=big"], "Received: preset='big'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input_takes_one_line(arguments, message, trained):
    assert re.search(message, tool_calls.call(TOOL, *arguments).error_line())
    assert not trained


def test_defaults_are_those_of_the_presets():
    found = pretrain.defaults(tasks.get("colorization"))
    assert list(found) == ["sample", "paper", "modern"]
    assert found["modern"]["batch_size"] == 128
    # The preset's own name is no default of a preset.
    assert {values["preset"] for values in found.values()} == {"sample"}
