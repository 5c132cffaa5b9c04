"""Costs, against values worked by hand."""

import pytest

from selfsup.analysis.tables.costs import cost
from selfsup.analysis.tables.recipes import Recipe

SPEEDS = {"vgg16": (100, 352)}


def test_a_pretraining_by_epochs():
    recipe = Recipe(
        "colorization", {"preset": "paper", "network": "vgg16", "epochs": 3}
    )
    found = cost(recipe, SPEEDS)
    # Three times 3.7 million, at 100 a second.
    assert found.samples == 11_100_000
    assert found.hours == pytest.approx(111_000 / 3600)


def test_a_downstream_run_on_larger_crops_and_again_on_all_images():
    start = Recipe("colorization", {"preset": "paper", "network": "vgg16"})
    recipe = Recipe("segmentation", {"max_steps": 50, "retrain_on_all": True}, start)
    found = cost(recipe, SPEEDS)
    # Batches of 10; crops of 448 instead of 352 pixels.
    assert found.samples == 2 * 50 * 10
    assert found.hours == pytest.approx(1000 * (448 / 352) ** 2 / 100 / 3600)


def test_what_was_not_measured_is_not_known():
    recipe = Recipe("segmentation", {"max_steps": 50, "network": "alexnet"})
    assert cost(recipe, SPEEDS) == (500, None)
