"""Scores of features whose patches are known."""

import itertools

import numpy as np
import pytest

from selfsup.analysis import consistency


def test_one_color_is_consistent_and_as_many_as_anywhere_are_not():
    rng = np.random.default_rng(0)
    anywhere = rng.normal(size=(100_000, 2))
    variance = np.square(anywhere - anywhere.mean(axis=0)).sum(axis=1).mean()
    one = np.full((8, 1, 2), 0.3)
    many = anywhere[:80_000].reshape(8, 10_000, 2)
    half = many / np.sqrt(2)
    assert consistency.color_consistency(one, variance) == [1]
    # Unbiased: the mean of what was not cut off at 0.
    ratio = 1 - consistency.color_consistency(many / 10, variance).mean()
    assert ratio == pytest.approx(0.01, rel=0.02)
    found = consistency.color_consistency(half, variance)
    assert found.min() >= 0 and np.median(found) == pytest.approx(0.5, abs=0.05)
    assert consistency.color_consistency(3 * many[:, :5], variance).tolist() == [0] * 5


def test_without_any_color_all_are_consistent():
    assert consistency.color_consistency(np.zeros((4, 2, 2)), 0.0).tolist() == [1, 1]


@pytest.mark.parametrize("counts", [[2, 2, 1], [4, 1], [3, 0, 2]])
def test_chance_is_the_mean_over_all_draws(counts):
    photographs = np.repeat(np.arange(len(counts)), counts)
    shares = [
        np.bincount(drawn).max() / 3 for drawn in itertools.combinations(photographs, 3)
    ]
    assert consistency.chance(3, counts) == pytest.approx(np.mean(shares), abs=0.01)


def test_semantic_consistency_is_the_share_above_chance():
    labels = np.array([[2, 0], [2, 1], [2, 1]])
    score, best, number = consistency.semantic_consistency(labels, [5, 5, 5])
    chance = consistency.chance(3, [5, 5, 5])
    assert best.tolist() == [2, 1] and number.tolist() == [3, 2]
    np.testing.assert_allclose(score, [1 - chance, 2 / 3 - chance])
