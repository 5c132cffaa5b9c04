"""Runs of version 0.1.0: a stopped one goes on, finished ones open.

`runs_0_1_0` holds what that version wrote: a colorizer that was stopped after 5 of 8
steps, the same run unbroken, a segmenter and a classifier. Its paths were made
relative.
"""

import csv
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import heads, networks, runs, training
from selfsup.training import tasks

RUNS = pathlib.Path(__file__).parent / "runs_0_1_0"
PHOTOS = (
    "aitzgorri-left bridge free-left greentock-left life-left picture0b-left rocket "
    "sunset"
).split()


@pytest.fixture(scope="module")
def resumed(tmp_path_factory, photos):
    """The stopped run, brought to its end by this version."""
    place = tmp_path_factory.mktemp("resumed")
    (place / "photos").mkdir()
    for name in PHOTOS:
        shutil.copy(photos / f"{name}.jpg", place / "photos")
    workdir = shutil.copytree(RUNS / "colorizer_stopped", place / "run")
    # As that version's graphs were; `conftest.py` leaves them as they are traced.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    with pytest.MonkeyPatch.context() as patch:
        # Where the settings find the folder `photos`.
        patch.chdir(place)
        task, fields = runs.split_settings(runs.read_json(workdir / "config.json"))
        config = training.ColorizationConfig.from_json(fields)
        assert task == "colorization" and runs.steps_done(workdir) == 5
        training.train_colorizer(config, workdir)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    return workdir


def _log(workdir):
    with (workdir / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: float(row[name]) for name in row if name != "steps_per_second"}
        for row in rows
    ]


@pytest.mark.slow
def test_a_stopped_run_ends_with_the_weights_of_that_version(resumed):
    ours, theirs = (
        keras.models.load_model(workdir / "colorizer.keras").get_weights()
        for workdir in (resumed, RUNS / "colorizer")
    )
    # Bit for bit on the processor that it ran on. Another one rounded by 1.4e-4; other
    # samples change 34 of the 41 arrays by more than this, some by 4.
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=3e-4)


@pytest.mark.slow
def test_its_log_goes_on_with_the_row_that_was_begun(resumed):
    ours, theirs = _log(resumed), _log(RUNS / "colorizer")
    assert [row["step"] for row in ours] == [3, 4, 6, 8]
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-4, nan_ok=True)


@pytest.mark.slow
def test_its_results_are_those_of_that_version(resumed):
    ours, theirs = (
        json.loads((workdir / "results.json").read_text())
        for workdir in (resumed, RUNS / "colorizer")
    )
    assert ours.keys() == theirs.keys()
    assert (ours["images"], ours["held_out_images"], ours["steps"]) == (6, 2, 8)
    for part in ("training", "held_out"):
        assert ours[part] == pytest.approx(theirs[part], rel=1e-4)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("colorizer", "colorizer"),
        ("segmentation", "segmenter"),
        ("classification", "classifier"),
    ],
)
def test_finished_runs_open(name, kind):
    run = runs.open_run(RUNS / name, heads.KINDS)
    assert heads.kind(run.model) == kind
    assert networks.describe(run.model)["network"] == "alexnet"
    task = tasks.of_run(run, tasks.names(), name)
    assert task.kind == kind and run.results
    fields = runs.split_settings(run.settings)[1]
    config = task.Config.from_json(fields)
    # What is as it was in the file, and what now is None.
    now = config.to_json()
    former = {name for name, value in fields.items() if now.get(name, value) != value}
    assert former <= {"clip_norm", "ema", "epochs", "keep_every", "sbd_dir"}
    assert all(now[name] is None for name in former)
    assert config.width == 1 / 64


@pytest.mark.parametrize("name", ["segmentation", "classification"])
def test_finished_runs_are_those_of_the_same_settings_now(name, tmp_path):
    workdir = shutil.copytree(RUNS / name, tmp_path / name)
    task, fields = runs.split_settings(runs.read_json(workdir / "config.json"))
    config = tasks.get(task).Config.from_json(fields)
    runs.prepare(workdir, task, config)
    assert runs.read_json(workdir / "config.json") == {"task": name, **config.to_json()}
