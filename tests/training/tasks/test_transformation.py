"""What tasks share that tell what was done to a crop, on flips."""

import math

import numpy as np
import pytest
import tensorflow as tf

from selfsup import data
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.tasks.transformation import TransformationTask


class Flip(TransformationTask):
    """Predicts whether a crop stands on its head."""

    transformations, salt, noise = 2, 1 << 40, 1
    titles = ["flipped", "flipped back", "upright"]

    def transform(self, gray, noise, augment):
        flipped = noise[0] < 0.5
        image = tf.where(flipped, tf.reverse(gray, [0]), gray)
        return image, tf.cast(flipped, tf.int32)

    def restored(self, image, label):
        return image[::-1] if label else image


@pytest.fixture(scope="module")
def task():
    # The mean of the sides is no whole number.
    return Flip(
        PretrainingConfig.from_preset(
            crop_size=32, min_side=37, max_side=50, batch_size=4
        )
    )


@pytest.fixture(scope="module")
def held_out(task):
    """The held-out images, and the flips of their crops."""
    images = task.open("held_out")
    batches = list(task._stream(images, augment=False))
    labels = np.concatenate([targets["label"] for _, targets, *_ in batches])
    return images, batches, labels[: len(images)]


def test_evaluations_see_the_crops_of_the_colorizer(task, held_out):
    images, batches, labels = held_out
    whole = data.pipeline(task.input_config(augment=False, points=1), images=images)
    upright = np.concatenate([inputs["gray"] for inputs, *_ in whole])
    flipped = np.concatenate([inputs["gray"] for inputs, *_ in batches])
    for ours, other, label in zip(flipped, upright, labels, strict=False):
        np.testing.assert_array_equal(task.restored(ours, label), other)
    assert np.sum([weights["label"] for *_, weights, _ in batches]) == len(images)


def test_measures_stand_beside_those_of_a_blind_guess(task, held_out):
    images, _, labels = held_out
    logits = np.log(np.tile(np.float32([0.7, 0.3]), [4, 1]))
    found = task.measure(lambda inputs: {"label": logits}, images)
    right = np.mean(labels == 0)
    expected = -right * math.log(0.7) - (1 - right) * math.log(0.3)
    assert found == {
        "label": pytest.approx(expected, rel=1e-5),
        "label_baseline": pytest.approx(math.log(2)),
        "accuracy": pytest.approx(right),
        "accuracy_baseline": 0.5,
    }
    assert task.baselines({"training": found}) == {
        "label": found["label_baseline"],
        "accuracy": 0.5,
    }


def test_the_sheet_shows_a_row_for_each_image(task, held_out):
    images, batches, _ = held_out
    logits = np.float32([[1.0, 0.0]] * 4)
    sheet = task.draw(lambda inputs: {"label": logits}, {"train": images})
    # The first batch.
    assert len(batches[0][0]["gray"]) == 4
    assert sheet.shape[0] == 26 + 4 * (120 + 6)
