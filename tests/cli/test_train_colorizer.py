"""The tool of pretraining by colorization: flags, results, errors in one line."""

import json
import os
import re

import pytest

from selfsup import runs, training
from selfsup.cli.train_colorizer import TOOL

import tool_calls

RESULTS = {
    "steps": 3,
    "training": {"hue": 0.51, "hue_baseline": 0.6},
    "held_out": {"hue": 0.5, "chroma": 2.0, "hue_baseline": 0.61234},
}


@pytest.fixture
def trained(monkeypatch):
    """What was trained with which settings, instead of training."""
    calls = []
    monkeypatch.setattr(
        training, "train", lambda *args: calls.append(args) or dict(RESULTS)
    )
    return calls


def test_help_lists_the_contract():
    text = tool_calls.call(TOOL, "--help").text
    for name in (
        "workdir data val_data val_fraction preset network width loss padding "
        "crop_size min_side max_side batch_size steps epochs learning_rate precision "
        "checkpoint_seconds keep_every seed config"
    ).split():
        assert re.search(rf"^  --{name}: ", text, re.MULTILINE), name
    for name in ("hypercolumn", "deterministic", "overwrite"):
        assert re.search(rf"^  --\[no\]{name}: ", text, re.MULTILINE), name
    words = " ".join(text.split())
    assert "(default: runs/colorizer)" in words
    assert "(default: 16 sample; 8 paper; 128 modern)" in words
    assert "python tools/train_colorizer.py --data my_photos" in words


def test_without_flags_it_trains_the_sample_preset(trained):
    answer = tool_calls.call(TOOL)
    ((task, workdir, overwrite),) = trained
    assert answer.code == 0, answer.text
    assert task.config == training.ColorizationConfig.from_preset()
    assert (task.name, workdir, overwrite) == ("colorization", "runs/colorizer", False)


def test_results_are_shown_beside_the_baseline(trained):
    lines = tool_calls.call(TOOL).text.splitlines()
    assert lines == [
        "hue: 0.5100 in training, 0.5000 held out, 0.6123 baseline",
        "Held-out photographs are predicted better than by the baseline, which does "
        "not look at the image: hue by 18 %.",
        "Look at runs/colorizer",
    ]


def test_flags_change_the_preset(trained):
    flags = "--preset paper --network alexnet --steps 7 --data a --data b --overwrite"
    assert tool_calls.call(TOOL, *flags.split(), "--workdir=w").code == 0
    ((task, workdir, overwrite),) = trained
    expected = training.ColorizationConfig.from_preset(
        "paper", "alexnet", steps=7, data=("a", "b")
    )
    assert task.config == expected
    assert (workdir, overwrite) == ("w", True)


def test_a_settings_file_is_taken_and_flags_win(trained, tmp_path):
    config = training.ColorizationConfig.from_preset("modern", steps=5, seed=3)
    path = tmp_path / "config.json"
    runs.write_json(path, {"task": "colorization", **config.to_json()})
    assert tool_calls.call(TOOL, f"--config={path}", "--seed=4").code == 0
    expected = training.ColorizationConfig.from_preset("modern", steps=5, seed=4)
    assert trained[0][0].config == expected


def test_a_settings_file_of_0_1_0_is_taken(trained):
    path = os.path.join(
        os.path.dirname(tool_calls.__file__), "runs_0_1_0/colorizer/config.json"
    )
    assert tool_calls.call(TOOL, f"--config={path}").code == 0
    config = trained[0][0].config
    assert (config.network, config.steps, config.epochs) == ("alexnet", 8, None)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--network=vgg17"], "resnet152. Received: network='vgg17'"),
        (["--preset=big"], "modern. Received: preset='big'"),
        (["--data=/no/where"], "does not exist.*/no/where"),
        (["--data=/no/where=0.3"], "does not exist.*/no/where'$"),
        (["--data=a=1", "--data=b"], "sum below 1. Received: 1 in all, .*/b'$"),
        (["--val_data=a=0.3"], "without =SHARE. Received: '.*/a=0.3'$"),
        (["--loss=l1"], "Received: loss='l1'"),
        (["--steps=5", "--epochs=2"], "Received: steps=5, epochs=2.0"),
        (["--accumulation=3"], "Received: accumulation=3"),
        (["photos"], "Received: 'photos'"),
        (["--voc_dir=VOC"], "Received: --voc_dir"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input_takes_one_line(arguments, message, tmp_path):
    answer = tool_calls.call(TOOL, f"--workdir={tmp_path}/run", *arguments)
    assert re.search(message, answer.error_line())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"task": "colorization", "hue": 3}', "are unknown.*Received: hue$"),
        ("{", "Expected JSON"),
        ("[1]", "Expected a JSON object"),
    ],
    ids=["field", "JSON", "list"],
)
def test_bad_workdirs_take_one_line(content, message, tmp_path, photos):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.json").write_text(content)
    # Embedded photographs, opened and no more.
    answer = tool_calls.call(
        TOOL, f"--workdir={tmp_path}", "--network=alexnet", "--width=0.03"
    )
    assert re.search(message, answer.error_line())
    assert (tmp_path / "config.json").read_text() == content


def test_another_runs_workdir_is_refused(tmp_path):
    tiny = dict(network="alexnet", width=0.03)
    config = training.ColorizationConfig.from_preset(**tiny)
    runs.prepare(tmp_path, "colorization", config)
    (tmp_path / "checkpoints").mkdir()
    flags = ["--network=alexnet", "--width=0.03", "--seed=4", "--steps=9"]
    answer = tool_calls.call(TOOL, f"--workdir={tmp_path}", *flags)
    assert answer.error_line().endswith("Received: seed (there 0, now 4)")
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 0
