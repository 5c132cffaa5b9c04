"""What the two tasks train on, and how the plateau rule scores them."""

import dataclasses

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from PIL import Image

from selfsup import data, inference
from selfsup.training import VocConfig
from selfsup.training.voc_tasks import TASKS

import fakes
import voc_folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _task(name, folder, **changes):
    changes = {"crop_size": 48, "batch_size": 4, "points": 16, **changes}
    changes = {"point_margin": 3, "hidden": 8, **changes}
    config = VocConfig.for_task(name, voc_dir=str(folder.root), **changes)
    return TASKS[name](config)


@pytest.mark.parametrize("name", list(TASKS))
def test_settings_reach_the_batches(name, folder):
    settings = dict(crop_size=40, batch_size=3, color=True, seed=5)
    task = _task(name, folder, points=7, **settings)
    samples = task.open("train" if name == "segmentation" else "trainval")
    if name == "segmentation":
        expected = data.voc.segmentation_batches(
            samples, points=7, point_margin=3, start_step=2, **settings
        )
    else:
        expected = data.voc.classification_batches(samples, start_step=2, **settings)
    ours = next(iter(task.batches(samples, 2)))
    for one, other in zip(
        tf.nest.flatten(ours), tf.nest.flatten(next(iter(expected))), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert ours[0]["rgb"].shape == (3, 40, 40, 3)


@pytest.mark.parametrize("name", list(TASKS))
def test_losses_fit_model_and_batches(name, folder):
    task = _task(name, folder, dropout=0.0)
    samples = task.open("train" if name == "segmentation" else "trainval")
    model = task.model(fakes.network("alexnet", normalization="none"), 5)
    model.get_layer("prediction").kernel.assign(
        tf.zeros_like(model.get_layer("prediction").kernel)
    )
    inputs, targets, weights, _ = next(iter(task.batches(samples)))
    # Five classes for the three or two that there are.
    classes = targets["classes"].numpy()
    if name == "classification":
        targets["classes"] = tf.pad(targets["classes"], [[0, 0], [0, 3]])
    outputs = model(inputs, training=False)
    (loss, weight), *others = task.terms().values()
    assert list(task.terms()) == list(outputs) and not others and weight == 1
    value = float(loss(targets["classes"], outputs["classes"], weights["classes"]))
    # Logits of 0 cost log K a point, or log 2 a label, void and difficult nothing.
    if name == "segmentation":
        assert value == pytest.approx(np.log(5), rel=1e-5)
    else:
        known = 3 + np.sum(classes != 255, axis=1)
        assert (classes == 255).any()
        assert value == pytest.approx(np.log(2) * known.mean(), rel=1e-5)


def test_settings_reach_the_segmenter(folder):
    task = _task("segmentation", folder, hidden=200, hidden_stddev=0.5, dropout=0.25)
    model = task.model(fakes.network("alexnet", normalization="none"), 3)
    kernel = model.get_layer("h_fc1").kernel.numpy()
    assert kernel.shape == (151, 200)
    assert np.std(kernel) == pytest.approx(0.5, rel=0.05)
    assert model.get_layer("h_drop1").rate == 0.25
    assert model.output["classes"].shape[-1] == 3


def test_segmentation_scores_the_mean_iou_of_whole_images(folder):
    task = _task("segmentation", folder)
    samples = task.open("val")

    # The masks' own levels of gray, one of them moved.
    def predict(image):
        gray = image[..., 0]
        return tf.cast(gray > -0.1, tf.uint8) + tf.cast(gray > 0.2, tf.uint8)

    counts = np.zeros((3, 3))
    for index in range(len(samples)):
        gray = samples.image(index).mean(axis=-1) / 255 - 0.4488
        guess = np.digitize(gray, (-0.1, 0.2))
        for true, found in zip(samples.mask(index).flat, guess.flat, strict=True):
            if true != voc_folders.VOID:
                counts[true, found] += 1
    ious = [
        counts[k, k] / (counts[k].sum() + counts[:, k].sum() - counts[k, k])
        for k in range(3)
    ]
    score = task.score(predict, samples, tf.distribute.get_strategy())
    assert 0.2 < score < 0.9
    assert score == pytest.approx(np.mean(ious), rel=1e-9)


def test_classification_scores_the_mean_average_precision(folder):
    task = _task("classification", folder)
    samples = task.open("trainval")

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
    score = task.score(predict, samples, tf.distribute.get_strategy())
    assert 0.2 < score < 0.95
    assert score == pytest.approx(np.mean(precisions), rel=1e-6)


def test_the_plateau_rule_looks_at_every_fourth_pixel(folder):
    task = _task("segmentation", folder)
    model = task.model(fakes.network("alexnet", normalization="none"), 3)
    fakes.randomize(model, bias=0.0)
    image = data.as_network_input(task.open("val").image(0), False)
    expected = inference.class_map_predictor(model, stride=4)(image).numpy()
    np.testing.assert_array_equal(task.predictor(model)(image), expected)
    fine = inference.class_map_predictor(model, stride=1)(image).numpy()
    assert 0 < np.mean(fine != expected) < 0.2


def test_the_sheet_shows_six_held_out_images_and_only_of_segmentation(folder):
    task = _task("segmentation", folder)
    samples = task.open("train")
    shown = []

    def predict(image):
        shown.append(image.shape[:2])
        return tf.zeros(image.shape[:2], tf.uint8)

    sheet = task.sheet(predict, samples)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    assert len(shown) == 6
    assert _task("classification", folder).sheet(predict, samples) is None


def test_held_out_images_must_show_a_class(folder):
    task = _task("classification", folder)
    samples = task.open("trainval")
    task.check(samples)
    labels = np.where(samples.labels == 1, 0, samples.labels)
    empty = dataclasses.replace(samples, labels=labels).subset([0, 1])
    with pytest.raises(ValueError, match="2 of split 'trainval' of .*/VOC") as error:
        task.check(empty)
    assert "--held_out" in str(error.value)


def test_held_out_masks_must_have_a_label(tmp_path, photos):
    folder = voc_folders.Folder(tmp_path / "VOC", photos, train=3, val=1)
    samples = _task("segmentation", folder).open("train")
    task = _task("segmentation", folder)
    for name in folder.names[:2]:
        with Image.open(folder.image(name)) as image:
            folder.save_mask(name, np.full(image.size[::-1], 255))
    task.check(samples)
    with pytest.raises(ValueError, match="void everywhere.*2 of split 'train' of"):
        task.check(samples.subset([0, 1]))
