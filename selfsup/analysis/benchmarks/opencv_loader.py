"""Samples of pretraining made with OpenCV and NumPy, as one would without TensorFlow.

A JPEG is reduced while it is decoded, the crop is cut out and scaled as bytes, and the
histograms are counted at the points alone. Threads make the samples of a batch, while
the one before is used. Crops, points and targets are those of `data.pipeline`.
"""

import collections
import concurrent.futures
import itertools

import cv2
import numpy as np
from PIL import Image

from selfsup import color, targets
from selfsup.data import batching

# By the exponent of the factor.
_REDUCED = (
    cv2.IMREAD_COLOR,
    cv2.IMREAD_REDUCED_COLOR_2,
    cv2.IMREAD_REDUCED_COLOR_4,
    cv2.IMREAD_REDUCED_COLOR_8,
)

# Batches that are made while one is used.
_AHEAD = 2


class Loader:
    """Batches without end, of images in a random order.

    Args:
        paths: Paths of image files that OpenCV reads.
        config: A `data.PipelineConfig`; its seed decides order and crops.
    """

    def __init__(self, paths, config):
        self.paths, self.config = paths, config

    def __iter__(self):
        """Yields `(inputs, targets, weights)` of arrays; see `data.pipeline`."""
        rng = np.random.default_rng(self.config.seed)
        drawn = itertools.chain.from_iterable(
            rng.permutation(len(self.paths)) for _ in itertools.count()
        )
        before = cv2.getNumThreads()
        # The threads of the pool are enough.
        cv2.setNumThreads(0)
        executor = concurrent.futures.ThreadPoolExecutor(batching.cores())

        def started():
            chosen = itertools.islice(drawn, self.config.batch_size)
            return [
                executor.submit(
                    sample, self.paths[i], _noise(rng, self.config), self.config
                )
                for i in chosen
            ]

        try:
            waiting = collections.deque(started() for _ in range(_AHEAD))
            while True:
                waiting.append(started())
                yield _stacked([future.result() for future in waiting.popleft()])
        finally:
            executor.shutdown(cancel_futures=True)
            cv2.setNumThreads(before)


def _noise(rng, config):
    return rng.random(4 + 2 * config.points, np.float32)


def _stacked(samples):
    gray, points, hue, chroma, hue_weight, chroma_weight = map(
        np.stack, zip(*samples, strict=True)
    )
    return (
        {"gray": gray, "points": points},
        {"hue": hue, "chroma": chroma},
        {"hue": hue_weight, "chroma": chroma_weight},
    )


def sample(path, noise, config):
    """Makes a sample.

    Args:
        path: Path of the image file.
        noise: `[4 + 2 P]`, float32 in `[0, 1)`: scale, position (y, x), mirror, points.
        config: A `data.PipelineConfig`.

    Returns:
        A tuple of arrays: gray `[crop, crop, 1]`, points `[P, 2]`, hue and chroma
        `[P, K]`, and their weights `[P]`.
    """
    size, side = config.crop_size, _side(noise[0], config)
    image = _decoded(path, side)
    top, left, window = _window(image.shape[:2], side, noise[1:3], size)
    crop = image[top : top + window, left : left + window]
    if window != size:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_LINEAR)
    if config.mirror and noise[3] < 0.5:
        crop = cv2.flip(crop, 1)
    # Not OpenCV's own gray, which is luma.
    gray = cv2.transform(crop.astype(np.float32), np.full((1, 3), 1 / 765, np.float32))
    points = _points(noise[4:].reshape(-1, 2), config)
    patches, inside = _patches(crop, points, config.window)
    hue, chroma = _hue_chroma(patches)
    center = config.window**2 // 2
    lightness = patches[:, center].mean(-1)
    return (
        (gray - np.float32(color.GRAY_MEAN))[..., None],
        points.astype(np.float32),
        _histograms(hue, inside, config.bins),
        _histograms(chroma, inside, config.bins),
        chroma[:, center],
        np.clip(3 * np.minimum(lightness, 1 - lightness), 0, 1),
    )


def _side(noise, config):
    drawn = int(noise * (config.max_side - config.min_side + 1)) + config.min_side
    return min(drawn, config.max_side)


def _decoded(path, side):
    """Decodes an image, reduced as far as its short side stays `side`."""
    with Image.open(path) as header:
        short = min(header.size)
    exponent = sum(short >= side * 2**n for n in (1, 2, 3))
    return cv2.imread(path, _REDUCED[exponent])


def _window(shape, side, position, crop_size):
    """Returns top, left and side of the source window that the crop shows."""
    short = min(shape)
    size = min(max(round(short * crop_size / side), 1), short)
    room = np.subtract(shape, size)
    corner = np.minimum((position * (room + 1)).astype(int), room)
    return *corner.tolist(), size


def _points(noise, config):
    low = targets.clamp_margin(config.point_margin, config.crop_size)
    span = config.crop_size - 2 * low
    return np.minimum((noise * np.float32(span)).astype(int), span - 1) + low


def _patches(crop, points, window):
    """Returns `[P, window**2, 3]` RGB in [0, 1], and which of them lie in the crop."""
    steps = np.arange(window) - window // 2
    rows, columns = (points[:, i, None] + steps for i in (0, 1))
    last = len(crop) - 1
    inside = [(place >= 0) & (place <= last) for place in (rows, columns)]
    rows, columns = (np.clip(place, 0, last) for place in (rows, columns))
    patches = crop[rows[:, :, None], columns[:, None, :], ::-1] / np.float32(255)
    inside = inside[0][:, :, None] & inside[1][:, None, :]
    return patches.reshape(len(points), -1, 3), inside.reshape(len(points), -1)


def _hue_chroma(rgb):
    """Returns the hexcone's hue and chroma, each in [0, 1]."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    divisor = np.where(chroma > 0, chroma, np.float32(1))
    sector = np.where(
        red >= value,
        (green - blue) / divisor,
        np.where(
            green >= value,
            2 + (blue - red) / divisor,
            4 + (red - green) / divisor,
        ),
    )
    hue = sector / 6
    return np.where(hue < 0, hue + 1, hue), chroma


def _histograms(values, inside, bins):
    """Counts the values of each row that are inside, and divides by their number."""
    index = np.minimum((values * bins).astype(int), bins - 1)
    index += bins * np.arange(len(index))[:, None]
    counts = np.bincount(index[inside], minlength=bins * len(index))
    counts = counts.reshape(len(index), bins).astype(np.float32)
    return counts / inside.sum(-1, keepdims=True, dtype=np.float32)
