"""Segmentation: its batches, losses and score, a whole run and its evaluation."""

import dataclasses
import json
import os
import shutil

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task
from PIL import Image

from selfsup import data, evaluation, inference, training
from selfsup.training import tasks

import fakes
import voc_folders

TINY = dict(
    network="alexnet",
    width=1 / 64,
    crop_size=48,
    batch_size=4,
    hidden=8,
    hidden_stddev=0.1,
    points=16,
    fov_blocks=0,
    learning_rate=0.03,
)
Segmentation = tasks.get("segmentation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _config(folder, **changes):
    settings = {"voc_dir": str(folder.root), **TINY, **changes}
    return training.SegmentationConfig(**settings)


def _task(folder, **changes):
    return Segmentation(_config(folder, **{"point_margin": 3, **changes}))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, folder):
    """A finished run, long enough to predict more than one class."""
    workdir = tmp_path_factory.mktemp("run")
    changes = dict(max_steps=8, eval_every=4, log_every=3, dropout=0.0)
    config = _config(folder, **changes)
    training.train_voc(config, workdir)
    confusion = np.array(_json(workdir / "results.json")["confusion"])
    assert np.sum(confusion.any(axis=0)) > 1
    return workdir


def _json(path):
    return json.loads(path.read_text())


def _weights(path):
    return keras.saving.load_model(path).get_weights()


def test_settings_reach_the_batches(folder):
    settings = dict(crop_size=40, batch_size=3, color=True, seed=5, points=7)
    task = _task(folder, **settings)
    samples = task.open_split("train")
    expected = data.voc.segmentation_batches(
        samples, point_margin=3, start_step=2, **settings
    )
    ours, theirs = (next(iter(x)) for x in (task.batches(samples, 2), expected))
    toy_task.assert_same(tf.nest.flatten(ours), tf.nest.flatten(theirs))
    assert ours[0]["rgb"].shape == (3, 40, 40, 3)


def test_loss_fits_model_and_batches(folder):
    task = _task(folder, dropout=0.0)
    samples = task.open_split("train")
    model = task.model(fakes.network("alexnet", normalization="none"), samples)
    kernel = model.get_layer("prediction").kernel
    kernel.assign(tf.zeros_like(kernel))
    inputs, targets, weights, *_ = next(iter(task.batches(samples)))
    outputs = model(inputs, training=False)
    losses = task.losses(model, samples)
    assert list(losses) == list(outputs) == ["classes"]
    loss, weight, relative = losses["classes"]
    shares = weights["classes"] / np.mean(weights["classes"])
    value = float(loss(targets["classes"], outputs["classes"], shares))
    # Logits of 0 cost log K a point, void nothing.
    assert relative and weight == 1 and value == pytest.approx(np.log(3), rel=1e-5)


def test_settings_reach_the_model(folder):
    task = _task(folder, hidden=200, hidden_stddev=0.5, dropout=0.25)
    samples = task.open_split("train")
    model = task.model(fakes.network("alexnet", normalization="none"), samples)
    kernel = model.get_layer("h_fc1").kernel.numpy()
    assert kernel.shape == (151, 200)
    assert np.std(kernel) == pytest.approx(0.5, rel=0.05)
    assert model.get_layer("h_drop1").rate == 0.25
    assert model.output["classes"].shape[-1] == 3


def test_the_score_is_the_mean_iou_of_whole_images(folder):
    task = _task(folder)
    samples = task.open_split("val")

    # The masks' own levels of gray, one of them moved.
    def predict(image):
        gray = image[..., 0]
        return tf.cast(gray > -0.1, tf.uint8) + tf.cast(gray > 0.2, tf.uint8)

    counts = np.zeros((3, 3))
    for index in range(len(samples)):
        gray = samples.image(index).mean(axis=-1) / 255 - 0.4488
        guess = np.digitize(gray, (-0.1, 0.2))
        known = samples.mask(index) != voc_folders.VOID
        np.add.at(counts, (samples.mask(index)[known], guess[known]), 1)
    unions = counts.sum(0) + counts.sum(1) - np.diag(counts)
    score = task.measure(predict, samples)[task.score]
    assert 0.2 < score < 0.9
    assert score == pytest.approx(np.mean(np.diag(counts) / unions), rel=1e-9)


def test_the_baseline_is_the_score_of_the_best_constant(folder):
    task = _task(folder)
    samples = task.open_split("val")

    def score(number):
        def constant(image):
            return tf.fill(image.shape[:2], np.uint8(number))

        return task.measure(constant, samples)[task.score]

    scores = [score(number) for number in range(3)]
    assert len(set(scores)) == 3
    # To the last bit: they are the same counts.
    assert task.score_baseline(samples) == max(scores)


def test_classes_without_a_pixel_are_not_in_the_baseline(drawn):
    task = _task(drawn)
    samples = task.open_split("val")
    masks = [samples.mask(index) for index in range(len(samples))]
    share = sum(np.sum(mask == 0) for mask in masks) / sum(mask.size for mask in masks)
    # Two of three classes, of which one is right nowhere.
    assert task.score_baseline(samples) == pytest.approx(share / 2, rel=1e-12)


@pytest.mark.slow
def test_the_plateau_rule_looks_at_every_fourth_pixel(folder):
    task = _task(folder)
    samples = task.open_split("val")
    model = task.model(fakes.network("alexnet", normalization="none"), samples)
    fakes.randomize(model, bias=0.0)
    image = data.as_network_input(samples.image(0), False)
    expected = inference.class_map_predictor(model, stride=4)(image).numpy()
    np.testing.assert_array_equal(task.predictor(model)(image), expected)
    fine = inference.class_map_predictor(model, stride=1)(image).numpy()
    assert 0 < np.mean(fine != expected) < 0.2


def test_six_held_out_images_are_drawn(folder):
    task = _task(folder)
    shown = []

    def predict(image):
        shown.append(image.shape[:2])
        return tf.zeros(image.shape[:2], tf.uint8)

    sheet = task.draw(predict, {"held_out": task.open_split("train")})
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    assert len(shown) == 6


def test_held_out_masks_must_have_a_label(tmp_path, photos):
    folder = voc_folders.Folder(tmp_path / "VOC", photos, train=3, val=1)
    task = _task(folder)
    samples = task.open_split("train")
    for name in folder.names[:2]:
        with Image.open(folder.image(name)) as image:
            folder.save_mask(name, np.full(image.size[::-1], voc_folders.VOID))
    folder.save_mask(folder.names[2], np.arange(48 * 60).reshape(48, 60) % 3)
    task.check(samples)
    with pytest.raises(
        ValueError, match="2 masks of split 'train' of .*/VOC, and 100 %"
    ):
        task.check(samples.subset([0, 1]))


@pytest.fixture
def drawn(tmp_path, photos):
    """A folder of three classes, whose masks show two of them."""
    folder = voc_folders.Folder(tmp_path / "VOC", photos, train=4, val=2)
    for name in folder.names:
        with Image.open(folder.image(name)) as image:
            mask = np.zeros(image.size[::-1])
        mask[:9, :9] = 2
        folder.save_mask(name, mask)
    return folder


def test_classes_without_a_pixel_are_named(drawn, caplog):
    task = _task(drawn, train_split="train")
    task.check_training(task.open_split("train"))
    task.check(task.open_split("val"))
    of_train, of_val = caplog.messages
    assert of_train.startswith(
        "No pixel of middle in the 4 masks to learn from of split"
    )
    assert of_val.startswith("No pixel of middle in the 2 masks to measure on of split")


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_one_class_are_refused_before_training(drawn, tmp_path, value):
    for name in drawn.names:
        with Image.open(drawn.mask(name)) as image:
            mask = np.array(image)
        # As black and white masks: white is void.
        drawn.save_mask(name, np.where(mask == 2, value, 0))
    message = (
        "fewer than two classes. Expected pixels of 0 to 2.*Received: background in"
    )
    with pytest.raises(ValueError, match=f"learn from show {message} 3 masks"):
        training.train_voc(_config(drawn, held_out=0.25), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    task = _task(drawn, train_split="train")
    with pytest.raises(ValueError, match=f"measure on show {message} 4") as caught:
        task.check(task.open_split("train"))
    assert "--held_out" in str(caught.value)
    with pytest.raises(ValueError, match=f"measure on show {message} 2") as caught:
        task.check(task.open_split("val"))
    assert "--held_out" not in str(caught.value)


def test_training_masks_are_read_until_all_classes_are_seen(folder):
    task = _task(folder, train_split="train")
    samples = task.open_split("train")
    (folder.root / "unread.png").write_bytes(b"")
    paths = (samples.mask_paths[0],) + (str(folder.root / "unread.png"),) * 9
    read = dataclasses.replace(samples, mask_paths=paths)
    assert len(np.unique(samples.mask(0))) == 4
    task.check_training(read)
    with pytest.raises(ValueError, match="unread.png"):
        task.check(read)


def test_missing_data_are_named_before_a_network_is_built(tmp_path, monkeypatch):
    def build(*arguments):
        raise AssertionError("built")

    monkeypatch.setattr("selfsup.training.tasks.downstream.initial_backbone", build)
    config = training.SegmentationConfig(voc_dir=str(tmp_path / "missing"), **TINY)
    with pytest.raises(FileNotFoundError, match="missing"):
        training.train_voc(config, tmp_path / "run")


def test_an_evaluation_refuses_masks_of_one_class(workdir, drawn, tmp_path):
    for name in drawn.names:
        with Image.open(drawn.mask(name)) as image:
            drawn.save_mask(name, np.zeros(image.size[::-1]))
    with pytest.raises(ValueError, match="fewer than two classes"):
        training.eval_voc(workdir, tmp_path / "report", voc_dir=str(drawn.root))


def test_a_workdir_holds_everything(workdir, folder):
    assert set(os.listdir(workdir)) == {
        ".lock",
        *("backbone.keras", "best", "checkpoints", "config.json", "curves.png"),
        *("images.json", "log.csv", "results.json", "samples.png", "schedule.json"),
        *("segmenter.keras", "tensorboard"),
    }
    results = _json(workdir / "results.json")
    assert results["retrained_on_all"] is False
    assert results["classes"] == list(voc_folders.CLASSES)
    assert (results["split"], results["images"]) == ("val", 4)
    assert list(results["image_iou"]) == folder.names[10:]
    schedule = _json(workdir / "schedule.json")
    assert results["best_step"] == schedule["best_step"]
    assert results["held_out_mean_iou"] == schedule["best_score"]
    assert 0 < results["held_out_mean_iou_baseline"] == schedule["baseline"] < 1
    config = _json(workdir / "config.json")
    assert (config["task"], config["train_split"]) == ("segmentation", "train")
    assert (config["point_margin"], config["eval_every"]) == (3, 4)


def test_log_and_schedule_agree(workdir):
    schedule = _json(workdir / "schedule.json")
    evaluated = dict(schedule["evaluations"])
    assert list(evaluated) == [4, 8]
    assert schedule["best_score"] == max(evaluated.values())
    rows = toy_task.log(workdir)
    assert [row["step"] for row in rows] == [3, 4, 6, 8]
    for row in rows:
        expected = evaluated.get(row["step"], np.nan)
        np.testing.assert_equal(row["val_mean_iou"], expected)
        assert row["loss"] == row["classes"] > 0
        assert row["learning_rate"] == pytest.approx(0.03)


def test_the_pictures_can_be_looked_at(workdir):
    # One held-out image: photo, mask, prediction, error.
    for name, least in (("samples.png", 200), ("curves.png", 300)):
        picture = cv2.imread(str(workdir / name))
        assert picture.shape[1] > least and picture.std() > 10


def test_the_result_is_the_best_model_of_the_search(workdir):
    step = _json(workdir / "schedule.json")["best_step"]
    final = _weights(workdir / "segmenter.keras")
    toy_task.assert_same(final, _weights(workdir / "best" / f"{step:08d}.keras"))


def test_the_backbone_is_the_models(workdir):
    model = keras.saving.load_model(workdir / "segmenter.keras")
    for layer in keras.saving.load_model(workdir / "backbone.keras").layers:
        theirs = model.get_layer(layer.name).get_weights()
        toy_task.assert_same(layer.get_weights(), theirs)


def test_a_damaged_image_is_named(folder, tmp_path):
    folder = folder.copy(tmp_path / "VOC")
    path = folder.image(folder.names[2])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=str(path)):
        training.train_voc(_config(folder, max_steps=1), tmp_path / "run")


def test_evaluation_of_a_workdir_gives_what_training_measured(workdir, tmp_path):
    workdir = shutil.copytree(workdir, tmp_path / "run")
    results, output = training.evaluate(workdir)
    assert output == workdir / "evaluation"
    assert set(os.listdir(output)) == {".lock", "config.json", "results.json"}
    written = _json(output / "results.json")
    assert written == json.loads(json.dumps(results))
    trained = _json(workdir / "results.json")
    names = {name for name in trained if name.startswith("held_out_")}
    for name in names | {"best_step", "retrained_on_all", "classes"}:
        del trained[name]
    assert len(trained) >= 6
    assert {name: written[name] for name in trained} == trained
    settings, config = _json(output / "config.json"), _json(workdir / "config.json")
    assert settings["split"] == "val"
    assert settings["voc_dir"] == config["voc_dir"]


def test_options_reach_the_evaluation(workdir, tmp_path, monkeypatch):
    calls = []

    def evaluate(model, samples, **options):
        calls.append({"split": samples.split, **options})
        return {"mean_iou": 0.5}

    monkeypatch.setattr(evaluation, "evaluate_segmentation", evaluate)
    options = dict(flip=True, scales="0.5,1", stride=2, split="train")
    results, _ = training.evaluate(workdir, options, tmp_path)
    (call,) = calls
    assert str(call.pop("journal")).startswith(str(tmp_path))
    expected = dict(flip=True, scales=(0.5, 1.0), stride=2, split="train")
    assert call.pop("strategy").num_replicas_in_sync == 1
    assert call == expected
    # The report says how it was made.
    assert results == {"ckpt": str(workdir), "mean_iou": 0.5, **expected}


@pytest.mark.slow
def test_another_split_and_pictures(workdir, tmp_path):
    options = dict(split="train", stride=4)
    results, _ = training.evaluate(workdir, {**options, "figures": True}, tmp_path)
    assert (results["split"], results["images"]) == ("train", 10)
    files = {".lock", "config.json", "results.json"}
    assert set(os.listdir(tmp_path)) == files | {"predictions.png", "per_class.png"}
    # Without pictures of its own it leaves none of an earlier one.
    training.evaluate(workdir, options, tmp_path)
    assert set(os.listdir(tmp_path)) == files


def test_a_file_needs_the_data(workdir, folder, tmp_path):
    path = shutil.copy(workdir / "segmenter.keras", tmp_path / "mine.keras")
    with pytest.raises(ValueError, match="no config.json.*Expected --voc_dir. "):
        training.evaluate(path)
    options = {"voc_dir": str(folder.root)}
    results, output = training.evaluate(path, options, tmp_path / "report")
    trained = _json(workdir / "results.json")
    assert results["confusion"] == trained["confusion"]
    assert (results["split"], results["ckpt"]) == ("val", str(path))
    assert _json(output / "results.json")["mean_iou"] == trained["mean_iou"]


@pytest.mark.parametrize(
    "bad",
    [
        dict(stride=3),
        dict(scales=""),
        dict(scales="1;2"),
        dict(scales="0.05"),
        dict(scales="nan"),
        dict(scales="0.5,,1"),
    ],
    ids=str,
)
def test_options_out_of_range_are_named(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={value!r}"):
        Segmentation.EvaluationConfig(**bad)


def test_options_of_classification_are_refused_by_name(workdir):
    with pytest.raises(ValueError, match="Received: crops$"):
        training.evaluate(workdir, {"crops": "fixed", "flip": True})
