"""The coloring tool: files, folders, and one line for each kind of bad input."""

import os
import re

import cv2
import numpy as np
import pytest
import zoo_entries

from selfsup.cli.colorize import TOOL

import fakes
import tool_calls

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory, photos):
    """A folder with a run, a zoo whose sample model it is, and photographs."""
    place = tmp_path_factory.mktemp("colorize")
    run = fakes.colorizer_run(place / "run")
    zoo_entries.write(run, place / "models" / "sample")
    image = cv2.imread(str(photos / "coffee.jpg"))[::6, ::6]
    (place / "in" / "deep").mkdir(parents=True)
    cv2.imwrite(str(place / "in" / "a.jpg"), image)
    cv2.imwrite(str(place / "in" / "deep" / "a.png"), image)
    cv2.imwrite(str(place / "one.tif"), image)
    cv2.imwrite(str(place / "-dash.tif"), image[:, ::-1])
    (place / "bad").mkdir()
    cv2.imwrite(str(place / "bad" / "good.bmp"), image)
    (place / "bad" / "text.jpg").write_text("no image")
    return place


@pytest.fixture(scope="module")
def answers(place):
    """What calls of all kinds came to."""
    run = f"--ckpt={place / 'run'}"
    calls = {
        # Flags may stand behind the images.
        "default": [place / "in", place / "one.tif", f"--output={place / 'default'}"],
        "again": [place / "in", f"--output={place / 'default'}"],
        "settings": [place / "in", f"--output={place / 'default'}", "--saturation=2"],
        "home": ["~/one.tif", "--output=~/home", "--ckpt=~/run", "--", "-dash.tif"],
        "file": [place / "in", f"--output={place / 'one.tif'}"],
        "bad": [
            *(run, "--output", place / "bad_out", "--nosheet", place / "bad"),
            *"--side=16 --hue_mode=mode --chroma_mode=expectation".split(),
            *"--saturation=2 --format=jpg --overwrite".split(),
        ],
        "nothing": [run, f"--output={place / 'never'}"],
        "backbone": [
            f"--ckpt={place / 'run' / 'backbone.keras'}",
            f"--output={place / 'never'}",
            place / "in",
        ],
        "mode": [run, f"--output={place / 'never'}", "--hue_mode=loud", place / "in"],
        "no model": ["--ckpt=simple", f"--output={place / 'never'}", place / "in"],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFSUP_MODELS", str(place / "models"))
        patch.setenv("HOME", str(place))
        patch.chdir(place)
        return {
            name: tool_calls.call(TOOL, *arguments) for name, arguments in calls.items()
        }


def test_help_lists_every_flag():
    text = tool_calls.call(TOOL, "--help").text
    for name in "ckpt output side hue_mode chroma_mode saturation format".split():
        assert f"  --{name}: " in text
    assert "  --[no]sheet: " in text
    assert "(default: sample)" in " ".join(text.split())


def _found(folder):
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
        if name != ".lock"
    )


def test_the_zoos_sample_model_colors_files_and_folders(place, answers):
    assert answers["default"].code == 0, answers["default"].text
    names = ["a.png", "colored.jsonl", "deep/a.png", "one.png", "sheet.png"]
    assert _found(place / "default") == names
    before = cv2.imread(str(place / "one.tif")).astype(float)
    after = cv2.imread(str(place / "default" / "one.png")).astype(float)
    assert np.abs(before.mean(-1) - after.mean(-1)).max() <= 1
    assert np.abs(before - after).mean() > 1


def test_unreadable_images_end_in_an_error_after_the_rest(place, answers):
    assert re.search("1 of 2 images .*text.jpg", answers["bad"].error_line())
    assert _found(place / "bad_out") == ["colored.jsonl", "good.jpg"]


def test_the_same_call_goes_on(place, answers):
    assert answers["again"].code == 0
    assert "2 of 2 results are kept" in answers["again"].text


def test_home_and_names_that_look_like_flags(place, answers):
    assert answers["home"].code == 0, answers["home"].text
    names = ["-dash.png", "colored.jsonl", "one.png", "sheet.png"]
    assert _found(place / "home") == names


@pytest.mark.parametrize(
    "call, message",
    [
        ("settings", r"--overwrite. Received: saturation \(there 1.0, now 2.0\)"),
        ("file", "The output must be a folder. Received: .*one.tif, a file"),
        ("nothing", "There are no images"),
        ("backbone", "Expected a colorizer. Received: .*, a backbone"),
        ("mode", "`hue_mode` must be one of expectation_faded"),
        ("no model", r"from the zoo \(.*sample.*Received: simple"),
    ],
)
def test_bad_input_takes_one_line(call, message, place, answers):
    assert re.search(message, answers[call].error_line())
    assert not (place / "never").exists()
