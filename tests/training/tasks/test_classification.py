"""Classification: its batches, losses and score, and a run retrained on all images."""

import dataclasses
import json
import os
import shutil

import keras
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
import toy_task

from selfsup import data, evaluation, networks, training
from selfsup.training import tasks

import fakes
import voc_folders

TINY = dict(network="alexnet", width=1 / 64, crop_size=48, batch_size=4)
Classification = tasks.get("classification")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _config(folder, **changes):
    settings = {"voc_dir": str(folder.root), **TINY, **changes}
    return training.ClassificationConfig(**settings)


def _task(folder, **changes):
    return Classification(_config(folder, **changes))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, folder):
    """A finished run of the paper's crops, which just fit fc6."""
    workdir = tmp_path_factory.mktemp("run")
    config = _config(
        folder, crop_size=227, max_steps=4, eval_every=2, retrain_on_all=True
    )
    training.train_voc(config, workdir)
    return workdir


def _json(path):
    return json.loads(path.read_text())


def _weights(path):
    return keras.saving.load_model(path).get_weights()


def test_settings_reach_the_batches(folder):
    settings = dict(crop_size=40, batch_size=3, color=True, seed=5)
    task = _task(folder, **settings)
    samples = task.open_split("trainval")
    expected = data.voc.classification_batches(samples, start_step=2, **settings)
    ours, theirs = (next(iter(x)) for x in (task.batches(samples, 2), expected))
    toy_task.assert_same(tf.nest.flatten(ours), tf.nest.flatten(theirs))
    assert ours[0]["rgb"].shape == (3, 40, 40, 3)


def test_loss_fits_model_and_batches(folder):
    task = _task(folder)
    samples = task.open_split("trainval")
    model = task.model(fakes.network("alexnet", normalization="none"), samples)
    kernel = model.get_layer("prediction").kernel
    kernel.assign(tf.zeros_like(kernel))
    inputs, targets, weights, *_ = next(iter(task.batches(samples)))
    outputs = model(inputs, training=False)
    losses = task.losses(model, samples)
    assert list(losses) == list(outputs) == ["classes"]
    loss, weight, _ = losses["classes"]
    value = float(loss(targets["classes"], outputs["classes"], weights["classes"]))
    # Logits of 0 cost log 2 a label, difficult ones nothing.
    known = np.sum(targets["classes"].numpy() != 255, axis=1)
    assert (known < 2).any()
    assert weight == 1 and value == pytest.approx(np.log(2) * known.mean(), rel=1e-5)


@pytest.mark.parametrize(
    "crop_size, padding", [(None, "valid"), (224, "valid"), (96, "same")]
)
def test_fc6_sees_the_whole_crop_where_it_fits(crop_size, padding, folder):
    task = _task(folder, crop_size=crop_size)
    assert task.fc6_padding(task.config) == padding


def test_the_score_is_the_mean_average_precision(folder):
    task = _task(folder)
    samples = task.open_split("trainval")

    def predict(crops):
        assert crops.shape == (10, 48, 48, 1)
        return tf.stack([-tf.reduce_mean(crops), tf.reduce_max(crops)])

    scores = [
        predict(data.voc.random_crops(samples.image(i), 10, 48, (0, i))).numpy()
        for i in range(len(samples))
    ]
    precisions = []
    for labels, column in zip(samples.labels.T, np.transpose(scores), strict=True):
        known = labels != 255
        assert not known.all()
        precisions.append(
            sklearn.metrics.average_precision_score(labels[known], column[known])
        )
    score = task.measure(predict, samples)[task.score]
    assert 0.2 < score < 0.95
    assert score == pytest.approx(np.mean(precisions), rel=1e-6)


def test_the_baseline_is_the_mean_score_of_random_rankings(folder):
    task = _task(folder)
    samples = task.open_split("trainval")
    rng = np.random.default_rng(0)
    samples = dataclasses.replace(
        samples, labels=np.insert(samples.labels, 1, 0, axis=1), classes=tuple("abc")
    )
    scores = [
        evaluation.classification_metrics(
            samples.labels, rng.random(samples.labels.shape), samples.classes
        )[task.score]
        for _ in range(2000)
    ]
    error = np.std(scores) / np.sqrt(len(scores))
    assert task.score_baseline(samples) == pytest.approx(np.mean(scores), abs=4 * error)
    assert error < 0.005


def test_nothing_is_drawn(folder):
    task = _task(folder)
    assert task.draw(None, {"held_out": task.open_split("trainval")}) is None


def test_held_out_images_must_show_a_class(folder):
    task = _task(folder)
    samples = task.open_split("trainval")
    task.check(samples)
    labels = np.where(samples.labels == 1, 0, samples.labels)
    empty = dataclasses.replace(samples, labels=labels).subset([0, 1])
    with pytest.raises(ValueError, match="2 of split 'trainval' of .*/VOC") as error:
        task.check(empty)
    assert "--held_out" in str(error.value)


@pytest.mark.slow
def test_a_workdir_holds_everything(workdir):
    assert set(os.listdir(workdir)) == {
        ".lock",
        *("backbone.keras", "best", "checkpoints", "classifier.keras", "config.json"),
        *("curves.png", "images.json", "log.csv", "results.json", "retrained"),
        *("schedule.json", "tensorboard"),
    }
    results = _json(workdir / "results.json")
    assert results["retrained_on_all"] is True
    assert results["classes"] == list(voc_folders.CLASSES[1:])
    assert (results["split"], results["images"]) == ("test", 4)
    assert set(results["ap_area"]) == set(results["ap_11point"]) == {"middle", "bright"}
    schedule = _json(workdir / "schedule.json")
    assert results["held_out_map_area"] == schedule["best_score"]
    assert results["held_out_map_area_baseline"] == schedule["baseline"]
    model = keras.saving.load_model(workdir / "classifier.keras")
    assert networks.describe(model)["fc6_padding"] == "valid"


@pytest.mark.slow
def test_log_and_schedule_agree(workdir):
    schedule = _json(workdir / "schedule.json")
    evaluated = dict(schedule["evaluations"])
    assert list(evaluated) == [2, 4]
    assert schedule["best_score"] == max(evaluated.values())
    rows = {row["step"]: row["val_map_area"] for row in toy_task.log(workdir)}
    assert rows == evaluated


@pytest.mark.slow
def test_the_result_of_retraining_replaces_that_of_the_search(workdir):
    step = _json(workdir / "schedule.json")["best_step"]
    final = _weights(workdir / "classifier.keras")
    found = _weights(workdir / "best" / f"{step:08d}.keras")
    assert any(not np.array_equal(a, b) for a, b in zip(final, found, strict=True))
    assert toy_task.log(workdir / "retrained")[-1]["step"] == step
    # All ten images instead of nine.
    images = _json(workdir / "retrained" / "images.json")
    assert "10 images" in images["training"]
    images = _json(workdir / "images.json")
    assert "9 images" in images["training"] and "1 images" in images["held_out"]


@pytest.mark.slow
def test_evaluation_of_a_workdir_gives_what_training_measured(workdir, tmp_path):
    workdir = shutil.copytree(workdir, tmp_path / "run")
    results, output = training.evaluate(workdir)
    assert set(os.listdir(output)) == {".lock", "config.json", "results.json"}
    written = _json(output / "results.json")
    assert written == json.loads(json.dumps(results))
    trained = _json(workdir / "results.json")
    names = {name for name in trained if name.startswith("held_out_")}
    for name in names | {"best_step", "retrained_on_all", "classes"}:
        del trained[name]
    assert len(trained) >= 6
    assert {name: written[name] for name in trained} == trained
    assert (written["crops"], written["crop_size"]) == (10, 227)
    settings, config = _json(output / "config.json"), _json(workdir / "config.json")
    assert settings["split"] == "test"
    assert settings["voc_dir"] == config["voc_dir"]


@pytest.fixture(scope="module")
def small(tmp_path_factory, folder):
    """A classifier of small crops, without its settings."""
    task = _task(folder, crop_size=64)
    task.resolve()
    samples = task.open_split("trainval")
    model = task.model(task.copy(task.backbone(samples)), samples)
    path = tmp_path_factory.mktemp("small") / "mine.keras"
    fakes.randomize(model, bias=0.1).save(path)
    return path


@pytest.mark.slow
def test_a_file_needs_the_data_and_the_crops(small, folder, tmp_path):
    with pytest.raises(ValueError, match="Expected --voc_dir and --crop_size. "):
        training.evaluate(small)
    options = {"voc_dir": str(folder.root)}
    with pytest.raises(ValueError, match="Expected --crop_size. "):
        training.evaluate(small, options)
    options["crop_size"] = 64
    results, _ = training.evaluate(small, options, tmp_path)
    model = keras.saving.load_model(small)
    samples = data.voc.open_classification(folder.root, "test")
    expected, _ = evaluation.evaluate_classification(model, samples, 64)
    assert {name: results[name] for name in expected} == expected


@pytest.mark.slow
@pytest.mark.parametrize("crops", ["fixed", "3"])
def test_options_and_pictures(crops, small, folder, tmp_path):
    options = dict(voc_dir=str(folder.root), split="trainval", figures=True)
    options |= dict(crops=crops, crop_size=72, seed=4)
    results, _ = training.evaluate(small, options, tmp_path)
    model = keras.saving.load_model(small)
    samples = data.voc.open_classification(folder.root, "trainval")
    number = crops if crops == "fixed" else int(crops)
    expected, _ = evaluation.evaluate_classification(
        model, samples, 72, crops=number, seed=4
    )
    assert {name: results[name] for name in expected} == expected
    assert (results["crops"], results["crop_size"]) == (number, 72)
    assert set(os.listdir(tmp_path)) >= {"rankings.png", "per_class.png"}


@pytest.mark.parametrize(
    "bad",
    [
        dict(crops="none"),
        dict(crops="0"),
        dict(crops="1001"),
        dict(crops="-3"),
        dict(seed=-1),
        dict(crop_size=-1),
    ],
    ids=str,
)
def test_options_out_of_range_are_named(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={value!r}"):
        Classification.EvaluationConfig(**bad)


@pytest.mark.slow
def test_options_of_segmentation_are_refused_by_name(workdir):
    with pytest.raises(ValueError, match="Received: flip, stride$"):
        training.evaluate(workdir, {"flip": True, "stride": 4, "crops": "fixed"})


@pytest.mark.slow
def test_a_workdir_can_be_moved(workdir, tmp_path):
    moved = shutil.copytree(workdir, tmp_path / "moved")
    results, output = training.evaluate(moved, {"crops": "1"})
    assert output == moved / "evaluation" and results["images"] == 4
