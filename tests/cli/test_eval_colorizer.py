"""Evaluation of a colorizer by the tool."""

import pathlib

import pytest

from selfsup import heads, networks, training
from selfsup.cli.eval_colorizer import TOOL

import fakes
import tool_calls


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models without settings."""
    folder = tmp_path_factory.mktemp("models")
    backbone = fakes.network("alexnet")
    backbone.save(folder / "backbone.keras")
    taps = networks.taps(backbone)[-1:]
    heads.colorizer(backbone, taps, 4, hidden=4).save(folder / "colorizer.keras")
    return folder


def test_help_lists_the_contract():
    text = tool_calls.call(TOOL, "--help").text
    for name in ("ckpt", "data", "crop_size", "output"):
        assert f"  --{name}: " in text


def test_results_are_shown_and_the_options_passed_on(monkeypatch):
    calls = []

    def evaluate(*args, **kwargs):
        calls.append((args, kwargs))
        return {"ckpt": "run", "images": 6, "hue": 0.123456789}, pathlib.Path("report")

    monkeypatch.setattr(training, "evaluate", evaluate)
    flags = ["--ckpt=run", "--data=a", "--data=b", "--output=report"]
    answer = tool_calls.call(TOOL, *flags)
    lines = answer.text.splitlines()
    assert [line.split() for line in lines[:2]] == [["images", "6"], ["hue", "0.12346"]]
    assert lines[2:] == ["Look at report/samples.png"]
    options = {"data": ("a", "b")}
    ((arguments, accepted),) = calls
    assert arguments == ("run", options, "report")
    # Those of joint runs are colorizers too.
    names = ("colorization", "colorization+rotation", "colorization+jigsaw")
    assert accepted == {"accepted": names}


@pytest.mark.parametrize(
    "name, flags, message",
    [
        ("backbone.keras", [], "Expected a colorizer. Received: {}, a backbone"),
        ("colorizer.keras", [], "Expected one, or --data and --crop_size."),
        ("", ["--crop_size=32"], "Expected one, or --data and --crop_size."),
        ("missing", [], "Received: {}"),
        ("", ["--flip"], "Received: --flip"),
        ("", ["--crop_size=3"], "Received: crop_size=3"),
        ("", ["--data=/no/where", "--crop_size=32"], "/no/where"),
        ("", ["--data=a=0.3", "--crop_size=32"], "without =SHARE. Received: 'a=0.3'"),
    ],
)
def test_bad_input_takes_one_line(name, flags, message, folder):
    path = folder / name
    answer = tool_calls.call(TOOL, f"--ckpt={path}", *flags)
    assert message.format(path) in answer.error_line()
    assert not (folder / "evaluation").exists()
