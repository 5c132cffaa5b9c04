"""The embedding tool: a run's features, and one line for each kind of bad input."""

import re
import shutil

import numpy as np
import pytest

from selfsup import inference, runs
from selfsup.cli.embed import TOOL

import fakes
import tool_calls


@pytest.fixture(scope="module")
def place(tmp_path_factory, photos):
    """A folder with a run and two photographs."""
    place = tmp_path_factory.mktemp("embed")
    (place / "run").mkdir()
    fakes.randomize(fakes.network("alexnet")).save(place / "run" / "backbone.keras")
    runs.write_json(place / "run" / "config.json", {"min_side": 20, "max_side": 41})
    (place / "in").mkdir()
    for name in ("coffee.jpg", "rocket.jpg"):
        shutil.copy(photos / name, place / "in")
    (place / "empty").mkdir()
    (place / "there.npz").write_text("mine")
    return place


def _call(place, *arguments):
    given = [f"--ckpt={place / 'run'}", f"--data={place / 'in'}", *arguments]
    return tool_calls.call(TOOL, *given)


@pytest.mark.slow
def test_features_of_a_folder_at_the_side_of_the_training(place):
    output, folder = place / "a.npz", place / "projector"
    answer = _call(place, f"--output={output}", f"--projector={folder}")
    assert answer.code == 0, answer.text
    assert f"2 photographs are in {output}" in answer.text
    assert f"tensorboard --logdir {folder}" in answer.text
    assert (folder / "projector_config.pbtxt").exists()
    model = runs.open_run(place / "run").model
    paths = [place / "in" / name for name in ("coffee.jpg", "rocket.jpg")]
    with np.load(output) as file:
        assert file["names"].tolist() == ["coffee.jpg", "rocket.jpg"]
        expected = inference.features(model, paths, short_side=30)
        np.testing.assert_allclose(file["features"], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--output={}/never.npz", "--layer=relu99"], "Expected one of .*'relu99'"),
        (["--output={}/never.npz", "--data={}/empty"], "/empty"),
        (["--output={}/there.npz"], "The output exists.*there.npz"),
        (["--output={}/never.txt", "--ckpt=nowhere"], "unknown ending.*never.txt"),
        (["--output={}/never.csv", "--pool=none"], "Whole maps do not fit"),
        (["--output={}/never.csv", "--pool=median"], "`pool` must be one of mean"),
        (["--output={}/never.csv", "--ckpt=nowhere"], "no trained model.*nowhere"),
        ([], "Flag --output is missing"),
    ],
)
def test_bad_input_takes_one_line(place, arguments, message):
    if any("empty" in argument for argument in arguments):
        # Alone: sources are mixed.
        answer = tool_calls.call(TOOL, *(x.format(place) for x in arguments))
    else:
        answer = _call(place, *(x.format(place) for x in arguments))
    assert re.search(message, answer.error_line())
    assert not list(place.glob("never*"))
    assert (place / "there.npz").read_text() == "mine"
