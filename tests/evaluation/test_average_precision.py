"""Average precision against scikit-learn, a plain loop and hand-worked rankings."""

import itertools

import numpy as np
import pytest
import sklearn.metrics

from selfsup.evaluation.average_precision import (
    average_precision,
    random_average_precision,
)

NAN = float("nan")

# A ranking of eight images, best first.
RANKING = [1, 0, 1, 1, 0, 0, 1, 0]


def _ranked(labels):
    return labels, -np.arange(len(labels), dtype=float)


def _random(seed, images=60, ties=False, share=0.3):
    """Labels, some of them ignored, and scores that say something about them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(images) < share).astype(int)
    scores = rng.normal(labels, 1.5)
    labels[rng.random(images) < 0.2] = 255
    return labels, np.round(scores) if ties else scores


def _eleven_points(labels, scores):
    """VOC 2007's measure by its definition, a threshold at a time."""
    labels, scores = np.asarray(labels), np.asarray(scores)
    positives = int((labels == 1).sum())
    points = []  # (true positives, precision)
    for threshold in set(scores[labels != 255]):
        chosen = (scores >= threshold) & (labels != 255)
        hits = int((labels[chosen] == 1).sum())
        points.append((hits, hits / chosen.sum()))
    return np.mean(
        [max(p for h, p in points if 10 * h >= t * positives) for t in range(11)]
    )


def test_known_ranking():
    # Hits at ranks 1, 3, 4, 7: precisions 1, 2/3, 3/4, 4/7, a quarter of recall each.
    area = average_precision(*_ranked(RANKING))
    assert area == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 7) / 4, abs=1e-12)
    assert area == pytest.approx(0.74702381, abs=1e-8)
    # Greatest precision from there on: 1 for t = 0, .1, .2; 3/4 for .3 to .7
    # (recalls 1/2 and 3/4); 4/7 for .8, .9, 1.
    eleven = average_precision(*_ranked(RANKING), variant="11point")
    assert eleven == pytest.approx((3 * 1 + 5 * 3 / 4 + 3 * 4 / 7) / 11, abs=1e-12)
    assert eleven == pytest.approx(0.76948052, abs=1e-8)


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("seed", range(20))
def test_random_rankings_agree_with_scikit_learn_and_the_definition(seed, ties):
    labels, scores = _random(seed, ties=ties)
    counted = labels != 255
    expected = sklearn.metrics.average_precision_score(labels[counted], scores[counted])
    area = average_precision(labels, scores)
    assert area == pytest.approx(expected, abs=1e-12)
    eleven = average_precision(labels, scores, "11point")
    assert eleven == pytest.approx(_eleven_points(labels, scores), abs=1e-12)


@pytest.mark.parametrize("positives", [3, 7, 10, 30])
def test_a_recall_of_exactly_a_tenth_counts(positives):
    # The first k hits come first, then nothing but others, then the other hits.
    for tenth in range(1, 11):
        if tenth * positives % 10:
            continue
        first = tenth * positives // 10
        labels = [1] * first + [0] * 1000 + [1] * (positives - first)
        eleven = average_precision(*_ranked(labels), "11point")
        rest = positives / (1000 + positives)
        expected = ((tenth + 1) * 1 + (10 - tenth) * rest) / 11
        assert eleven == pytest.approx(expected, abs=1e-12)


def test_order_of_images_of_equal_score_does_not_matter():
    labels, scores = _random(0, ties=True)
    order = np.random.default_rng(1).permutation(len(labels))
    for variant in ("area", "11point"):
        assert average_precision(
            labels[order], scores[order], variant
        ) == average_precision(labels, scores, variant)


def test_equal_scores_come_together():
    # One threshold: recall 1 at precision 1/4.
    for variant in ("area", "11point"):
        ap = average_precision([1, 0, 0, 0], [2.0] * 4, variant)
        assert ap == pytest.approx(0.25)


def test_ignored_images_do_not_matter():
    labels, scores = _ranked([255, *RANKING, 255])
    assert average_precision(labels, scores) == pytest.approx(0.74702381)


@pytest.mark.parametrize("labels", [[0, 0, 255], [255, 255, 255], []], ids=str)
@pytest.mark.parametrize("variant", ["area", "11point"])
def test_a_class_without_images_has_none(labels, variant):
    assert np.isnan(average_precision(*_ranked(labels), variant))


@pytest.mark.parametrize("scores", [[NAN, 1.0], [1.0, -np.inf]], ids=str)
def test_scores_that_are_not_finite_are_refused(scores):
    received = scores[0] if np.isnan(scores[0]) else scores[1]
    with pytest.raises(ValueError, match=f"Received: {received}"):
        average_precision([1, 255], scores)


@pytest.mark.parametrize("images", [1, 2, 3, 7])
def test_random_rankings_have_the_mean_of_all_rankings(images):
    for positives in range(1, images + 1):
        labels = np.array([1] * positives + [0] * (images - positives))
        values = []
        for places in itertools.combinations(range(images), positives):
            ranking = np.isin(np.arange(images), places).astype(int)
            values.append(average_precision(*_ranked(ranking)))
        expected = pytest.approx(np.mean(values), abs=1e-12)
        assert random_average_precision(labels) == expected


def test_random_rankings_have_the_mean_of_a_sample():
    labels, _ = _random(0, images=300, share=0.05)
    rng = np.random.default_rng(1)
    values = [average_precision(labels, rng.random(len(labels))) for _ in range(3000)]
    error = np.std(values) / np.sqrt(len(values))
    expected = pytest.approx(np.mean(values), abs=4 * error)
    assert random_average_precision(labels) == expected
    # It is not the share of the class, which equal scores have.
    equal = average_precision(labels, np.zeros(len(labels)))
    assert random_average_precision(labels) > equal + 10 * error


@pytest.mark.parametrize("labels", [[0, 0, 255], [255], []], ids=str)
def test_random_rankings_of_a_class_without_images_have_none(labels):
    assert np.isnan(random_average_precision(labels))
