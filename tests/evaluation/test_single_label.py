"""Accuracies and confusions against loops and numbers worked by hand."""

import numpy as np
import pytest

from selfsup import evaluation
from selfsup.evaluation.single_label import confusions


def test_measures_are_those_worked_by_hand():
    scores = [[2, 1, 0], [0, 3, 1], [1, 1, 0], [0, 0, 5]]
    found = evaluation.single_label_metrics([0, 2, 1, 2], scores, "abc")
    # Of equal scores the first class is predicted: the third image is taken for a.
    assert found == {
        "accuracy": 0.5,
        "mean_class_accuracy": 0.5,
        "class_accuracy": {"a": 1.0, "b": 0.0, "c": 0.5},
    }
    np.testing.assert_array_equal(
        confusions([0, 2, 1, 2], np.array(scores)), [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    )


@pytest.mark.parametrize("ties", [False, True])
def test_measures_equal_loops(ties):
    rng = np.random.default_rng(0)
    labels, classes = rng.integers(7, size=60), list("abcdefgh")  # None is h.
    scores = rng.normal(size=(60, 8))
    if ties:
        scores = np.round(scores)
    found = evaluation.single_label_metrics(labels, scores, classes)
    right = [
        int(np.argmax(row)) == label for row, label in zip(scores, labels, strict=True)
    ]
    assert found["accuracy"] == pytest.approx(np.mean(right), abs=1e-12)
    among = []
    for row, label in zip(scores, labels, strict=True):
        before = np.sum(row > row[label]) + np.sum(row[label + 1 :] == row[label])
        among.append(before < 5)
    assert found["top_5_accuracy"] == pytest.approx(np.mean(among), abs=1e-12)
    for number, name in enumerate(classes):
        mine = [r for r, label in zip(right, labels, strict=True) if label == number]
        expected = pytest.approx(np.mean(mine), abs=1e-12) if mine else None
        assert found["class_accuracy"][name] == expected
    counts = np.zeros((8, 8), int)
    for row, label in zip(scores, labels, strict=True):
        counts[label, int(np.argmax(row))] += 1
    np.testing.assert_array_equal(confusions(labels, scores), counts)


@pytest.mark.parametrize(
    "labels, scores", [([], np.zeros((0, 2))), ([0], [[0, np.nan]])]
)
def test_what_cannot_be_measured_is_refused(labels, scores):
    with pytest.raises(ValueError, match=f"Received: {len(labels)} labels"):
        evaluation.single_label_metrics(labels, scores, "ab")
