"""Whole downstream runs on tiny folders: what they leave, and what they refuse."""

import csv
import json
import os
import shutil

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, networks, training
from selfsup.training import voc, voc_phases

import voc_folders

TINY = dict(
    network="alexnet", width=1 / 64, crop_size=48, batch_size=4, hidden=8, points=16
)
SEGMENTATION = {
    **TINY,
    "hidden_stddev": 0.1,
    "fov_blocks": 1,
    "max_steps": 6,
    "eval_every": 2,
    "log_every": 3,
}
# The paper's crops, which just fit fc6.
CLASSIFICATION = {
    **TINY,
    "crop_size": 227,
    "max_steps": 4,
    "eval_every": 2,
    "retrain_on_all": True,
}
WORKDIR_FILES = {
    "backbone.keras",
    "best",
    "checkpoints",
    "config.json",
    "curves.png",
    "images.json",
    "log.csv",
    "results.json",
    "schedule.json",
    "tensorboard",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _config(folder, task="segmentation", **changes):
    tiny = {"segmentation": SEGMENTATION, "classification": CLASSIFICATION}[task]
    settings = {**tiny, **changes}
    return training.VocConfig.for_task(task, voc_dir=str(folder.root), **settings)


@pytest.fixture(scope="module")
def segmented(tmp_path_factory, folder):
    """A finished segmentation run."""
    workdir = tmp_path_factory.mktemp("segmentation")
    training.train_voc(_config(folder), workdir)
    return workdir


@pytest.fixture(scope="module")
def classified(tmp_path_factory, folder):
    """A finished classification run, retrained on all images."""
    workdir = tmp_path_factory.mktemp("classification")
    training.train_voc(_config(folder, "classification"), workdir)
    return workdir


def _json(path):
    return json.loads(path.read_text())


def _weights(path):
    return keras.models.load_model(path).get_weights()


def _assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def _log(folder):
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        # Keras adds columns of NA where there is no validation.
        {name: float(row[name].replace("NA", "nan")) for name in row}
        for row in rows
    ]


def test_a_segmentation_workdir_holds_everything(segmented, folder):
    files = WORKDIR_FILES | {"segmenter.keras", "samples.png"}
    assert set(os.listdir(segmented)) == files
    results = _json(segmented / "results.json")
    assert results["retrained_on_all"] is False
    assert results["classes"] == list(voc_folders.CLASSES)
    assert (results["split"], results["images"]) == ("val", 4)
    assert list(results["image_iou"]) == folder.names[10:]
    schedule = _json(segmented / "schedule.json")
    assert results["best_step"] == schedule["best_step"]
    assert results["held_out_mean_iou"] == schedule["best_score"]
    config = _json(segmented / "config.json")
    assert (config["train_split"], config["point_margin"]) == ("train", 3)


def test_a_classification_workdir_holds_everything(classified, folder):
    files = WORKDIR_FILES | {"classifier.keras", "retrained"}
    assert set(os.listdir(classified)) == files
    results = _json(classified / "results.json")
    assert results["retrained_on_all"] is True
    assert results["classes"] == list(voc_folders.CLASSES[1:])
    assert (results["split"], results["images"]) == ("test", 4)
    assert set(results["ap_area"]) == set(results["ap_11point"]) == {"middle", "bright"}
    schedule = _json(classified / "schedule.json")
    assert results["held_out_map_area"] == schedule["best_score"]
    model = keras.models.load_model(classified / "classifier.keras")
    assert networks.describe(model)["fc6_padding"] == "valid"


@pytest.mark.parametrize("run", ["segmented", "classified"])
def test_log_and_schedule_tell_the_same(run, request):
    workdir = request.getfixturevalue(run)
    schedule = _json(workdir / "schedule.json")
    evaluated = {step: score for step, score in schedule["evaluations"]}
    every = list(evaluated)
    assert every == [2, 4, 6][: len(every)] and len(every) in (2, 3)
    assert schedule["best_score"] == max(evaluated.values())
    column = f"val_{schedule['score']}"
    logged = {row["step"]: row[column] for row in _log(workdir)}
    for step, score in logged.items():
        assert score == evaluated[step] if step in evaluated else np.isnan(score)
    for row in _log(workdir):
        assert row["loss"] == row["classes"] > 0
        assert row["learning_rate"] == pytest.approx(1e-3)


def test_the_pictures_can_be_looked_at(segmented):
    # Six images of 60 to 80 pixels, or one held out: photo, mask, prediction, error.
    for name, least in (("samples.png", 200), ("curves.png", 300)):
        picture = cv2.imread(str(segmented / name))
        assert picture.shape[1] > least and picture.std() > 10


def test_the_backbone_is_the_models(segmented):
    model = keras.models.load_model(segmented / "segmenter.keras")
    backbone = keras.models.load_model(segmented / "backbone.keras")
    for layer in backbone.layers:
        _assert_same(layer.get_weights(), model.get_layer(layer.name).get_weights())


def test_the_result_of_retraining_replaces_that_of_the_search(classified):
    step = _json(classified / "schedule.json")["best_step"]
    final = _weights(classified / "classifier.keras")
    found = _weights(classified / "best" / f"{step:08d}.keras")
    assert any(not np.array_equal(a, b) for a, b in zip(final, found, strict=True))
    assert _log(classified / "retrained")[-1]["step"] == step
    # All ten images instead of nine.
    images = _json(classified / "retrained" / "images.json")
    assert "10 images" in images["training"]
    images = _json(classified / "images.json")
    assert "9 images" in images["training"] and "1 images" in images["held_out"]


def test_without_retraining_the_result_is_that_of_the_search(segmented):
    step = _json(segmented / "schedule.json")["best_step"]
    final = _weights(segmented / "segmenter.keras")
    _assert_same(final, _weights(segmented / "best" / f"{step:08d}.keras"))


def test_a_finished_run_is_only_evaluated_again(classified, folder, monkeypatch):
    def train(*args, **kwargs):
        raise AssertionError("trained again")

    kept = ("schedule.json", "log.csv", "results.json", "config.json")
    before = {name: (classified / name).read_bytes() for name in kept}
    weights = _weights(classified / "classifier.keras")
    monkeypatch.setattr(voc_phases, "train", train)
    results = training.train_voc(_config(folder, "classification"), classified)
    assert {name: (classified / name).read_bytes() for name in kept} == before
    assert results == _json(classified / "results.json")
    _assert_same(_weights(classified / "classifier.keras"), weights)


@pytest.mark.parametrize(
    "changes, field",
    [
        (dict(seed=5), "seed .there 0, now 5."),
        (dict(points=17), "points"),
        (dict(eval_every=3), "eval_every"),
    ],
    ids=["seed", "points", "eval_every"],
)
def test_other_settings_are_refused(changes, field, segmented, folder):
    with pytest.raises(ValueError, match=f"with other settings.*{field}"):
        training.train_voc(_config(folder, **changes), segmented)


def test_other_images_are_refused(segmented, folder, tmp_path):
    shutil.copytree(segmented, tmp_path / "run")
    before = folder.names[:10]
    try:
        # At the same place, or the folder would differ too.
        folder.split("train", folder.names[1:11])
        with pytest.raises(ValueError, match="not those that the run began with"):
            training.train_voc(_config(folder), tmp_path / "run")
    finally:
        folder.split("train", before)


def test_overwrite_starts_anew(classified, folder, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(classified, workdir)
    (workdir / "notes.txt").write_text("mine")
    config = _config(
        folder,
        "classification",
        max_steps=1,
        eval_every=1,
        val_split="none",
        retrain_on_all=False,
        seed=3,
    )
    results = training.train_voc(config, workdir, overwrite=True)
    assert results["best_step"] == 1
    # Nothing to measure on, and nothing of the old run.
    assert set(_json(workdir / "results.json")) == {
        "best_step",
        "held_out_map_area",
        "retrained_on_all",
        "classes",
    }
    assert [row["step"] for row in _log(workdir)] == [1]
    assert (workdir / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "changes, error",
    [
        (dict(train_split="missing"), "no such split.*'missing'"),
        (dict(val_split="missing"), "no such split.*'missing'"),
        (dict(init="/no/where"), "no trained model.*/no/where"),
        (dict(trainable="conv9"), "no such layer.*--trainable conv9"),
        (dict(batch_size=4, jit=True, accumulation=4), "jit=True, 2 devices"),
    ],
    ids=["train_split", "val_split", "init", "trainable", "jit"],
)
def test_bad_settings_leave_nothing(changes, error, folder, tmp_path):
    strategy = None
    if "jit" in changes:
        changes = {"jit": True}
        strategy = _Two()
    if "init" in changes:
        changes = {**changes, "network": "", "width": 0.0}
    with pytest.raises((FileNotFoundError, ValueError), match=error):
        training.train_voc(
            _config(folder, **changes), tmp_path / "run", strategy=strategy
        )
    assert not (tmp_path / "run").exists()


class _Two:
    num_replicas_in_sync = 2


@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_one_image_cannot_be_split(task, folder, tmp_path):
    folder = folder.copy(tmp_path / "VOC")
    folder.split("train", folder.names[:1])
    folder.label("trainval", folder.names[:1], [[1, -1]])
    with pytest.raises(ValueError, match=f"Received: 1 in split '.*' of {tmp_path}"):
        training.train_voc(_config(folder, task), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_damaged_image_is_named(folder, tmp_path):
    folder = folder.copy(tmp_path / "VOC")
    path = folder.image(folder.names[2])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=str(path)):
        training.train_voc(_config(folder), tmp_path / "run")


@pytest.mark.parametrize(
    "share, count", [(0.1, 1), (0.25, 2), (0.9, 9), (0.001, 1)], ids=str
)
def test_the_split_is_random_and_loses_nothing(share, count, folder):
    samples = data.voc.open_segmentation(folder.root, "train")
    training_set, held_out = voc.split(samples, share, seed=1)
    assert len(held_out) == count
    assert sorted(training_set.names + held_out.names) == list(samples.names)
    for part in (training_set, held_out):
        assert list(part.names) == sorted(part.names)
    again = voc.split(samples, share, seed=1)[1]
    assert again.names == held_out.names
    others = {voc.split(samples, share, seed)[1].names for seed in range(20)}
    assert len(others) > 3


def test_too_large_a_batch_is_told_with_a_smaller_one(folder, tmp_path, monkeypatch):
    def exhausted(*args, **kwargs):
        raise MemoryError("OOM when allocating")

    monkeypatch.setattr(voc_phases, "train", exhausted)
    with pytest.raises(MemoryError, match="such as batch_size=2.*batch_size=4"):
        training.train_voc(_config(folder, "classification"), tmp_path)


@pytest.mark.parametrize(
    "before, given, expected",
    [({"eval_every": 7}, 0, 7), ({"eval_every": 7}, 3, 3), ({}, 0, 0), (None, 0, 0)],
)
def test_a_prolonged_run_keeps_its_period_unless_told(
    tmp_path, before, given, expected
):
    if before is not None:
        (tmp_path / "config.json").write_text(json.dumps(before))
    config = training.VocConfig(voc_dir="VOC", eval_every=given)
    assert voc._of_same_period(config, tmp_path).eval_every == expected
    assert voc._of_same_period(config, tmp_path / "new").eval_every == given


def test_a_run_is_not_made_shorter_than_it_is(tmp_path):
    config = training.VocConfig(voc_dir="VOC", max_steps=11)
    voc._check_length(config, tmp_path)
    variable = tf.train.Checkpoint(x=tf.Variable(0))
    manager = tf.train.CheckpointManager(variable, tmp_path / "checkpoints", 2)
    manager.save(checkpoint_number=11)
    voc._check_length(config, tmp_path)
    manager.save(checkpoint_number=12)
    with pytest.raises(ValueError, match="steps done, 12, .*max_steps=11"):
        voc._check_length(config, tmp_path)
