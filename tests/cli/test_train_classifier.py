"""The tool of single-label classification: a run, and one-line errors."""

import json

import pytest

from selfsup.cli import train_classifier

import image_files
import tool_calls

TINY = [
    *"--network=alexnet --width=0.02 --crop_size=24 --batch_size=4".split(),
    *"--max_steps=2 --eval_every=2 --held_out=0.25".split(),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("data")
    return image_files.class_folders(root, photos, 12, train=8, size=(30, 30))


def _train(folder, tmp_path, *flags):
    return tool_calls.call(
        train_classifier.TOOL,
        *TINY,
        f"--data={folder}",
        f"--workdir={tmp_path / 'run'}",
        *flags,
    )


@pytest.mark.slow
def test_a_run(folder, tmp_path):
    answer = _train(folder, tmp_path, "--labels=per_class( 4 )")
    assert answer.code == 0, answer.text
    assert "ant " in answer.text and "accuracy" in answer.text
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["labels"] == "per_class(4)"
    assert _train(folder, tmp_path, "--labels=per_class(4)").code == 0  # Done already.


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--labels=noise(1.5)"], r"noise(1.5)"),
        (["--labels=blur(3)"], "blur(3)"),
        (["--labels=buckets(H16)"], "Received: none for 2, such as 'ant'"),
        (["--samples_per_class=9"], "Received: 4 of class 'ant'"),
        (["--val_data=nowhere"], "nowhere"),
        (["--data=nowhere"], "nowhere"),
        (["--val_data=nowhere=0.3"], "Expected a source that exists, without =SHARE"),
        (["--schedule=never"], "never"),
    ],
)
def test_bad_calls_take_one_line(folder, tmp_path, flags, message):
    assert message in _train(folder, tmp_path, *flags).error_line()
    assert not (tmp_path / "run").exists()
