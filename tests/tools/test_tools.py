"""The tools from outside: help, one-line errors, a run and its evaluation."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"

TINY = (
    "--network=alexnet --width=0.03 --hidden=8 --crop_size=32 --points=16 "
    "--batch_size=4 --steps=2"
)


def _run(tool, *arguments):
    # As a user's shell has it: the tests' own setting would win over the tool's.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, str(TOOLS / tool), *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )


def _error_line(done):
    """The single line of an error, without the progress bar before it."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert [line for line in lines if "Error: " in line] == lines[-1:]
    return lines[-1]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("tools") / "run"
    done = _run("train_colorizer.py", f"--workdir={workdir}", *TINY.split())
    assert done.returncode == 0, done.stderr
    assert "Look at" in done.stderr and "held-out hue" in done.stderr
    # TensorFlow's greetings stay away.
    assert "oneDNN" not in done.stderr and "cuda" not in done.stderr.lower()
    return workdir


def test_help_lists_the_contract():
    done = _run("train_colorizer.py", "--help")
    for name in (
        "workdir data val_data val_fraction preset network width loss padding "
        "crop_size min_side max_side batch_size steps epochs learning_rate precision "
        "checkpoint_seconds keep_every seed overwrite"
    ).split():
        assert f"--{name}:" in done.stdout or f"--[no]{name}:" in done.stdout, name
    for name in ("hypercolumn", "deterministic", "overwrite"):
        assert f"--[no]{name}:" in done.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--network=vgg17"], "resnet152. Received: network='vgg17'"),
        (["--data=/no/where"], "does not exist.*/no/where"),
        (["photos"], "Received: 'photos'"),
    ],
    ids=["network", "data", "stray"],
)
def test_bad_input_is_told_in_one_line(arguments, message, tmp_path):
    done = _run("train_colorizer.py", f"--workdir={tmp_path}/run", *arguments)
    assert re.search(message, _error_line(done))
    assert not (tmp_path / "run").exists()


def test_another_runs_workdir_is_refused(workdir):
    flags = [*TINY.split(), "--seed=4"]
    done = _run("train_colorizer.py", f"--workdir={workdir}", *flags)
    assert "seed (there 0, now 4)" in _error_line(done)


def test_evaluation_of_a_workdir_alone(workdir):
    done = _run("eval_colorizer.py", f"--ckpt={workdir}")
    assert done.returncode == 0, done.stderr
    report = json.loads((workdir / "evaluation" / "results.json").read_text())
    trained = json.loads((workdir / "results.json").read_text())
    # The same held-out images, the same numbers as at the end of training.
    for name, value in trained["held_out"].items():
        assert report[name] == pytest.approx(value, rel=1e-4)
    assert report["images"] == trained["held_out_images"] == 6
    assert 0 < report["rmse"] < 1 and report["psnr_gray"] > 0


def test_evaluation_of_something_else_is_told_in_one_line(workdir):
    backbone = workdir / "backbone.keras"
    assert "no colorizer" in _error_line(
        _run("eval_colorizer.py", f"--ckpt={backbone}")
    )
