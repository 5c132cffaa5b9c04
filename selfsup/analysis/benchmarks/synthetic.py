"""Batches of random numbers, the same for every framework and machine."""

from typing import NamedTuple

import numpy as np

# Points keep this distance from the border of the image.
_MARGIN = 4


class Batch(NamedTuple):
    """A batch of pretraining: B images, P points, K bins, all float32.

    Attributes:
        gray: `[B, H, W, 1]`.
        points: `[B, P, 2]`, (y, x) in whole pixels.
        targets: Dict from `"hue"` and `"chroma"` to `[B, P, K]`, which sum to 1.
        weights: Dict from the same names to `[B, P]`.
    """

    gray: np.ndarray
    points: np.ndarray
    targets: dict
    weights: dict


def batch(batch_size, crop_size, points=128, bins=32):
    """Draws a batch.

    Args:
        batch_size: Images.
        crop_size: Height and width of the images.
        points: Points an image.
        bins: Bins of each histogram.

    Returns:
        A `Batch`.

    Example:

    >>> batch(2, 16).gray.shape
    (2, 16, 16, 1)
    """
    rng, shape = np.random.default_rng(0), (batch_size, points)
    gray = rng.uniform(-0.4, 0.5, (batch_size, crop_size, crop_size, 1))
    places = rng.integers(_MARGIN, crop_size - _MARGIN, (*shape, 2))
    targets = {name: _histograms(rng, shape, bins) for name in ("hue", "chroma")}
    weights = {name: rng.random(shape, np.float32) for name in ("hue", "chroma")}
    return Batch(gray.astype(np.float32), places.astype(np.float32), targets, weights)


def _histograms(rng, shape, bins):
    return rng.dirichlet(np.full(bins, 0.3), shape).astype(np.float32)
