"""Rotation: crops are turned as they are labeled, and all turns come alike."""

import math

import numpy as np
import pytest

from selfsup import data
from selfsup.training import tasks
from selfsup.training.tasks.rotation import Rotation, RotationConfig

TINY = dict(
    network="alexnet",
    width=1 / 64,
    crop_size=32,
    batch_size=4,
    steps=4,
    log_every=2,
    eval_every=4,
)


def _config(**changes):
    return RotationConfig.from_preset(**{**TINY, **changes})


@pytest.fixture(scope="module")
def task():
    return Rotation(_config())


@pytest.fixture(scope="module")
def images(task):
    return task.open("train")


def test_it_is_found_by_name_kind_and_configuration():
    assert tasks.get("rotation") is Rotation
    assert tasks.of_config(_config()) is Rotation
    assert Rotation.kind == "single_label_classifier"


def test_crops_are_turned_counterclockwise_by_their_label(task, images):
    # Crops of the same place and scale, by the colorizer's stream.
    upright = data.pipeline(task.input_config(augment=False, points=1), images=images)
    turned = task._stream(images, augment=False)
    seen = set()
    for (plain, *_), (inputs, targets, weights, _) in zip(
        upright.take(4), turned.take(4), strict=True
    ):
        for crop, expected, turns in zip(
            inputs["gray"], plain["gray"], targets["label"].numpy(), strict=True
        ):
            np.testing.assert_array_equal(crop, np.rot90(expected, turns))
            seen.add(int(turns))
        np.testing.assert_array_equal(weights["label"], 1)
    assert seen == {0, 1, 2, 3}


def test_all_turns_come_alike(task, images):
    labels = [t["label"].numpy() for _, t, *_ in task.batches(images).take(60)]
    counts = np.bincount(np.concatenate(labels), minlength=4)
    # 240 draws: four standard deviations.
    assert np.all(np.abs(counts - 60) < 4 * math.sqrt(240 * 0.25 * 0.75))
