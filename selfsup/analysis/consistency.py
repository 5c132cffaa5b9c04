"""How alike the colors are that a feature responds to, and of how few classes."""

import numpy as np

# Draws that chance is estimated from.
_DRAWS = 10_000


def color_consistency(colors, variance):
    """Compares the colors of a feature's strongest patches with those of all patches.

    A patch's color is a point of the color plane; see `PatchColors`.
    Consistency is 1 minus the variance of the strongest patches' colors, divided by
    that of the patches at all positions of all photographs; where it is larger, 0. So 1
    means one color, gray included, and 0 no more than chance.

    Args:
        colors: `[K, C, 2]`, colors of the `K` strongest patches of each feature.
        variance: Mean squared distance of all patches' colors from their mean.

    Returns:
        `[C]`, float64 in `[0, 1]`.

    Example:

    >>> colors = np.array([[[0.1, 0.0], [0.1, 0.0]], [[0.1, 0.0], [-0.1, 0.0]]])
    >>> color_consistency(colors, 0.04)
    array([1. , 0.5])
    """
    distances = np.square(colors - colors.mean(axis=0)).sum(axis=(0, 2))
    # Unbiased, as the mean is that of a few.
    found = distances / (len(colors) - 1)
    return np.clip(1 - found / max(variance, np.finfo(np.float64).tiny), 0, 1)


def semantic_consistency(labels, counts):
    """Returns how often the most frequent class stands among the strongest patches.

    That is its share of the patches, minus the share that the most frequent class has
    on average among as many photographs drawn at random.

    Args:
        labels: `[K, C]`, classes of the photographs of each feature's `K` patches.
        counts: `[L]`, number of photographs of each class.

    Returns:
        A triple: `[C]`, float64 in `(-1, 1)`; `[C]`, the most frequent class; and
        `[C]`, its number of patches.

    Example:

    >>> score, best, number = semantic_consistency(np.array([[0], [1], [1]]), [1, 2])
    >>> best, number, score.round(3)
    (array([1]), array([2]), array([0.]))
    """
    found = np.stack(
        [np.bincount(x, minlength=len(counts)) for x in labels.T.astype(np.int64)]
    )
    most = found.max(axis=1)
    score = most / len(labels) - chance(len(labels), counts)
    return score, found.argmax(axis=1), most


def chance(number, counts):
    """Returns the mean share of the most frequent of some photographs' classes.

    Args:
        number: How many photographs are drawn, without replacement.
        counts: `[L]`, number of photographs of each class.
    """
    draw = np.random.default_rng(0).multivariate_hypergeometric
    drawn = draw(np.asarray(counts), number, _DRAWS, method="marginals")
    return drawn.max(axis=1).mean() / number
