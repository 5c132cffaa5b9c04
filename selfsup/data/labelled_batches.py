"""Streams of crops of photographs with one class each, to train and to measure on."""

import tensorflow as tf

from selfsup.data import partial_decode
from selfsup.data.label_batches import label_batches

# Keeps the augmentation's seeds apart from the shuffling's.
_SALT = 0x1ABE << 32

# Positions (y, x) of the crops of an image to measure on: the center, then the corners.
_POSITIONS = ((0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


def training_batches(samples, config, start_step=0, shard=(0, 1)):
    """Builds the endless stream of random crops.

    Args:
        samples: A `LabeledSet`.
        config: Settings with `crop_size`, `min_side` and `max_side`, between which the
            shortest side is scaled, `batch_size`, `color` and `seed`.
        start_step: Number of batches skipped, at no cost.
        shard: Pair of a worker's number and the number of workers; a worker gets its
            contiguous part of every batch.

    Returns:
        What `label_batches` returns; images are `[B, S, S, C]`, in `[0, 1]` minus
        0.4488.
    """

    def crop(encoded, seed):
        # Short side, position (y, x), mirror.
        noise = tf.random.stateless_uniform([4], seed)
        side = partial_decode.random_side(noise[0], config.min_side, config.max_side)
        return _crop(encoded, config, side, noise[1:3], noise[3] < 0.5)

    options = dict(seed=config.seed, start_step=start_step, shard=shard)
    return _batches(samples, config, crop, (), **options)


def evaluation_batches(samples, config, crops=1):
    """Builds the stream of every image once, in order.

    The shortest side is scaled to the mean of `min_side` and `max_side`.

    Args:
        samples: A `LabeledSet`.
        config: As in `training_batches`; it needs no `seed`.
        crops: 1, the center, or 10: center and corners, each mirrored too.

    Returns:
        What `label_batches` returns; images are `[B, crops, S, S, C]`.
    """
    side = tf.constant((config.min_side + config.max_side) / 2.0)

    def cut(encoded, seed):
        del seed
        upright = [
            _crop(encoded, config, side, tf.constant(position), tf.constant(False))
            for position in _POSITIONS[: (crops + 1) // 2]
        ]
        return tf.concat([upright, tf.reverse(upright, [2])], 0)[:crops]

    return _batches(samples, config, cut, (crops,), seed=0, shuffle=False)


def _crop(encoded, config, side, position, mirror):
    window = partial_decode.read_window(encoded, side, position, config.crop_size)
    return partial_decode.resize_input(window, mirror, config.crop_size, config.color)


def _batches(samples, config, crop, leading, **options):
    labels = tf.constant(samples.labels, tf.int32)

    def sample(index, encoded, seed):
        return crop(encoded, seed), tf.gather(labels, index)

    return label_batches(
        samples,
        sample,
        (*leading, config.crop_size, config.crop_size, 3 if config.color else 1),
        batch_size=config.batch_size,
        salt=_SALT,
        **options,
    )
