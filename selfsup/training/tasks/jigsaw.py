"""The proxy task of telling how nine patches of a gray image were shuffled.

Source: "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles"
(Noroozi, Favaro, ECCV 2016), here from gray crops and with up to 100 permutations.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from selfsup import heads, networks
from selfsup.settings import setting
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.tasks.transformation import TransformationTask

# Cells in a row, and in all; permutations to tell apart.
_ROW, _CELLS, _PERMUTATIONS = 3, heads.PATCHES, 100

# Sides of the authors' patches and cells: the rest is gap and jitter, so that edges
# cannot be continued from one patch to the next.
_PATCH, _CELL = 64, 75

# Smallest side of a patch, as of a crop.
_SMALLEST = 8

# Standard deviation of a patch: about that of gray photographs in [0, 1]. The authors
# take 1; so the layers see values as large as in the networks' other uses.
_DEVIATION = 0.25

# What a flat patch has at least: a step of 8 bits, which is not to be enlarged further.
_LEAST_DEVIATION = 1 / 255


@dataclasses.dataclass(frozen=True)
class JigsawConfig(PretrainingConfig):
    """Settings of pretraining by jigsaw puzzles."""

    hidden: int = setting(4096, "Units of the head's hidden layer.", 1)
    permutations: int = setting(
        100,
        "Permutations to tell apart, far from each other. Short runs learn with fewer.",
        2,
        _PERMUTATIONS,
    )


def sides(crop_size):
    """Returns the sides of the cells and of the patches of a crop, in pixels."""
    cell = crop_size // _ROW
    return cell, (cell * _PATCH + _CELL // 2) // _CELL


@functools.cache
def permutations():
    """Chooses permutations of nine patches that are far apart.

    As in the paper: each is one of those, of all 9!, whose smallest Hamming distance to
    those before is largest. Of several, the authors draw one; here they are taken in a
    fixed order that mixes them, so that every place sees every patch about as often.

    Returns:
        `[100, 9]`, uint8: the number of the patch at each place. Any two rows differ at
        6 places at least.
    """
    every = np.zeros((1, 1), np.uint8)
    for new in range(1, _CELLS):
        every = np.concatenate(
            [np.insert(every, place, new, axis=1) for place in range(new + 1)]
        )
    # A stride without a common divisor comes by all.
    every = every[np.arange(len(every)) * 100_003 % len(every)]
    columns = np.ascontiguousarray(every.T)
    chosen, distances = [0], np.full(len(every), _CELLS, np.uint8)
    while len(chosen) < _PERMUTATIONS:
        newest = every[chosen[-1]][:, None]
        differing = np.sum(columns != newest, axis=0, dtype=np.uint8)
        distances = np.minimum(distances, differing)
        chosen.append(int(np.argmax(distances)))
    return every[chosen]


class Jigsaw(TransformationTask):
    """Predicts by which permutation the patches of a gray crop were shuffled.

    Args:
        config: A `JigsawConfig`.
    """

    name, kind, Config = "jigsaw", "jigsaw", JigsawConfig
    salt, noise = 0x1653 << 32, 1 + 2 * _CELLS
    key, titles = "patches", ["shuffled", "put together", "right"]

    @property
    def transformations(self):
        return self.config.permutations

    @property
    def shape(self):
        _, patch = sides(self.config.crop_size)
        return _CELLS, patch, patch, 1

    def check_training(self, samples):
        super().check_training(samples)
        network = self.config.network
        smallest = max(_SMALLEST, networks.ARCHITECTURES[network].min_size)
        crop = next(n for n in range(10**4) if sides(n)[1] >= smallest)
        if self.config.crop_size < crop:
            raise ValueError(
                "The crop is too small for nine patches. Expected crop_size of at "
                f"least {crop} for {network}, whose patches have {smallest} pixels. "
                f"Received: crop_size={self.config.crop_size}"
            )

    def model(self, backbone, samples):
        config = self.config
        return heads.jigsaw(
            backbone,
            config.permutations,
            hidden=config.hidden,
            dropout=config.dropout,
        )

    def transform(self, gray, noise, augment):
        crop = self.config.crop_size
        cell, patch = sides(crop)
        places = tf.reshape(noise[1:], [_CELLS, 2]) if augment else 0.5
        jitter = tf.cast(places * tf.ones([_CELLS, 2]) * (cell - patch + 1), tf.int32)
        cells = np.stack(np.divmod(np.arange(_CELLS), _ROW), axis=-1) * cell
        corners = tf.constant(cells + (crop - _ROW * cell) // 2, tf.int32) + jitter
        y, x = tf.unstack(corners[..., None] + tf.range(patch), axis=1)
        pixels = y[:, :, None] * crop + x[:, None, :]
        patches = tf.gather(tf.reshape(gray, [-1, 1]), pixels)
        # Brightness and contrast would tell which patches are neighbors.
        mean, variance = tf.nn.moments(patches, axes=[1, 2, 3], keepdims=True)
        deviation = tf.maximum(tf.sqrt(variance), _LEAST_DEVIATION)
        patches = (patches - mean) * (_DEVIATION / deviation)
        label = tf.cast(self.transformations * noise[0], tf.int32)
        order = tf.gather(tf.constant(permutations(), tf.int32), label)
        return tf.gather(patches, order), label

    def restored(self, image, label):
        patches = np.pad(image, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=1)
        if label is not None:
            patches = patches[np.argsort(permutations()[label])]
        side = patches.shape[1]
        rows = patches.reshape(_ROW, _ROW, side, side, 1).swapaxes(1, 2)
        return rows.reshape(_ROW * side, _ROW * side, 1)
