"""Average precision of a ranking, in the two definitions that are in use."""

import numpy as np

from selfsup.data.voc.classification_set import DIFFICULT


def average_precision(labels, scores, variant="area"):
    """Measures how far the scores of one class put its images first.

    Every distinct score is a threshold, at which recall `R` and precision `P`
    are taken; images of equal score come together. `"area"` is the sum of
    `(R_n - R_{n-1}) P_n` over the thresholds, from high to low. `"11point"` is
    VOC 2007's: the mean over t = 0, 0.1, ..., 1 of the greatest precision at
    any recall of at least t.

    Args:
        labels: `[N]`, 1 for images of the class, 0 for others, 255 for those
            that do not count (VOC's difficult ones).
        scores: `[N]`, finite; greater means more likely of the class.
        variant: `"area"` or `"11point"`.

    Returns:
        A float in `[0, 1]`, NaN if no image is of the class.

    Raises:
        ValueError: If a score is not finite.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    if not np.isfinite(scores).all():
        received = scores[~np.isfinite(scores)][0]
        raise ValueError(f"Scores must be finite to be ranked. Received: {received}")
    counted = labels != DIFFICULT
    labels, scores = labels[counted], scores[counted]
    order = np.argsort(-scores, kind="stable")
    # Where the next score is another one, or there is none.
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    hits, found = np.cumsum(labels[order] == 1)[last], last + 1
    if not hits.size or not hits[-1]:
        return float("nan")
    precision = hits / found
    if variant == "area":
        return float(np.sum(np.diff(hits, prepend=0) * precision) / hits[-1])
    # From each threshold on, as recall never falls. In integers: in floats a
    # recall of 3 / 10 may be less than 0.3.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    first = [np.argmax(10 * hits >= tenth * hits[-1]) for tenth in range(11)]
    return float(np.mean(best[first]))


def random_average_precision(labels):
    """Returns the mean area of average precision over all rankings of images.

    At rank `k` of `N` stands one of the `P` images of the class with probability
    `P / N`, and then `(k - 1) (P - 1) / (N - 1)` of those before it are expected to
    be others of the class. The sum over ranks has a closed form.

    Source: "Exact Expected Average Precision of the Random Baseline for System
    Evaluation" (Bestgen, 2015).

    Args:
        labels: `[N]`, as in `average_precision`.

    Returns:
        A float in `[0, 1]`, NaN if no image is of the class.
    """
    labels = np.asarray(labels)
    count, positives = np.sum(labels != DIFFICULT), np.sum(labels == 1)
    if not positives:
        return float("nan")
    harmonic = np.sum(1 / np.arange(1, count + 1))
    others = (positives - 1) / max(count - 1, 1)
    return float((harmonic + (count - harmonic) * others) / count)
