"""Average precision of a ranking, in the two definitions that are in use."""

import numpy as np

_VARIANTS = ("area", "11point")
_IGNORED = 255


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
        ValueError: If lengths, labels, scores or the variant are none of these.
    """
    if variant not in _VARIANTS:
        raise ValueError(
            f"Argument `variant` must be one of {_VARIANTS}. "
            f"Received: variant={variant!r}"
        )
    hits, found = _thresholds(*_checked(labels, scores, rank=1))
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


def mean_average_precision(labels, scores):
    """Returns the average precision of every class, and its means.

    Args:
        labels: `[N, L]`, 0, 1 or 255 as in `average_precision`.
        scores: `[N, L]`, finite.

    Returns:
        A dict: `area` and `11point`, lists of L floats, NaN for classes without
        images; `mean_area` and `mean_11point`, over the other classes.

    Raises:
        ValueError: As `average_precision`, or if no class has an image.
    """
    labels, scores = _checked(labels, scores, rank=2)
    if not np.any(labels == 1):
        raise ValueError(
            "There is nothing to measure. Expected at least one image of some "
            f"class. Received: labels of shape {labels.shape} without a 1"
        )
    results = {
        variant: [
            average_precision(*column, variant)
            for column in zip(labels.T, scores.T, strict=True)
        ]
        for variant in _VARIANTS
    }
    means = {f"mean_{name}": float(np.nanmean(aps)) for name, aps in results.items()}
    return {**results, **means}


def _thresholds(labels, scores):
    """Counts images down to each distinct score, those of the class and all."""
    counted = labels != _IGNORED
    labels, scores = labels[counted], scores[counted]
    order = np.argsort(-scores, kind="stable")
    # Where the next score is another one, or there is none.
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    return np.cumsum(labels[order] == 1)[last], last + 1


def _checked(labels, scores, rank):
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    if labels.shape != scores.shape or labels.ndim != rank:
        raise ValueError(
            f"Labels and scores must be arrays of rank {rank} and of one shape. "
            f"Received: labels of {labels.shape}, scores of {scores.shape}"
        )
    wrong = labels[~np.isin(labels, (0, 1, _IGNORED))]
    if wrong.size:
        raise ValueError(
            f"Labels must be 0, 1 or {_IGNORED} (does not count). Received: {wrong[0]}"
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            "Scores must be finite to be ranked. "
            f"Received: {scores[~np.isfinite(scores)][0]}"
        )
    return labels, scores
