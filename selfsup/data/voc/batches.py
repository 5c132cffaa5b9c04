"""Streams of training batches of segmentation and of classification.

    samples = voc.open_segmentation("VOCdevkit", "train")
    batches = voc.segmentation_batches(
        samples, crop_size=448, batch_size=10, points=128
    )
    with batching.reading_errors():
        for inputs, targets, weights in batches.take(10):
            ...

Nothing is skipped: a file that can't be read ends the stream with an error.
"""

import tensorflow as tf

from selfsup import heads
from selfsup import targets as targets_lib
from selfsup.data import batching, crops, decoding

# Keeps the augmentation's seeds apart from the shuffling's.
_SALT = 0x5E65 << 32


def segmentation_batches(
    samples,
    *,
    crop_size,
    batch_size,
    points,
    point_margin=32,
    color=False,
    seed=0,
    start_step=0,
    shard=(0, 1),
):
    """Builds the endless stream of segmentation batches.

    Args:
        samples: A `SegmentationSet`.
        crop_size: Side `S` of the random crops, at the original scale.
        batch_size: Number of images `B`.
        points: Number of points `P` that are sampled in each crop.
        point_margin: Distance of the points from the crop's border, in pixels.
        color: Whether inputs are RGB instead of gray.
        seed: Integer that decides order, crops and points.
        start_step: Number of batches skipped, at no cost.
        shard: Pair of a worker's number and the number of workers; a worker
            gets its contiguous part of every batch.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights)`: `gray`
        `[B, S, S, 1]` (or `rgb` `[B, S, S, 3]`), float32 in `[0, 1]` minus
        0.4488, and `points` `[B, P, 2]`, float32 (y, x); `classes` `[B, P]`,
        int32, `VOID` where there is no class; `classes` `[B, P]`, float32, 1 and
        0 where there is no class.
    """
    key = "rgb" if color else "gray"

    def read_mask(index, size):
        return samples.mask(int(index), tuple(map(int, size)))

    def sample(index, encoded, seed):
        image = decoding.decode(encoded)
        # No op of TensorFlow reads the indices of a palette, or `.mat` files.
        mask = tf.numpy_function(read_mask, [index, tf.shape(image)[:2]], tf.uint8)
        mask = tf.ensure_shape(mask, [None, None])
        noise = tf.random.stateless_uniform([crops.DRAWS + 2 * points], seed)
        crop, labels = crops.paired_crop(
            image, mask, noise[: crops.DRAWS], crop_size, color
        )
        positions = targets_lib.points_from_noise(
            tf.reshape(noise[crops.DRAWS :], [points, 2]),
            crop_size,
            crop_size,
            point_margin,
        )
        labels = tf.cast(tf.gather_nd(labels, positions), tf.int32)
        return {key: crop, "points": tf.cast(positions, tf.float32)}, labels

    def weigh(inputs, labels):
        valid = tf.cast(labels != crops.VOID, tf.float32)
        return inputs, {heads.CLASSES: labels}, {heads.CLASSES: valid}

    return batching.batches(
        samples,
        sample,
        weigh,
        batch_size=batch_size,
        seed=seed,
        salt=_SALT,
        start_step=start_step,
        shard=shard,
    )


def classification_batches(
    samples,
    *,
    crop_size,
    batch_size,
    color=False,
    seed=0,
    start_step=0,
    shard=(0, 1),
):
    """Builds the endless stream of classification batches.

    Args:
        samples: A `ClassificationSet`.
        crop_size: Side `S` of the random crops.
        batch_size: Number of images `B`.
        color: Whether inputs are RGB instead of gray.
        seed: Integer that decides order and crops.
        start_step: Number of batches skipped, at no cost.
        shard: Pair of a worker's number and the number of workers; a worker
            gets its contiguous part of every batch.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights)`: `gray`
        `[B, S, S, 1]` (or `rgb` `[B, S, S, 3]`), float32 in `[0, 1]` minus
        0.4488; `classes` `[B, K]`, float32: 1 present, 0 absent, 255 difficult;
        `classes` `[B]`, float32 ones.
    """
    key = "rgb" if color else "gray"
    all_labels = tf.constant(samples.labels, tf.float32)

    def sample(index, encoded, seed):
        image = decoding.decode(encoded)
        noise = tf.random.stateless_uniform([crops.DRAWS], seed)
        crop = crops.scaled_crop(image, noise, crop_size, color)
        return {key: crop}, {heads.CLASSES: tf.gather(all_labels, index)}

    def weigh(inputs, targets):
        weights = tf.ones_like(targets[heads.CLASSES][:, 0])
        return inputs, targets, {heads.CLASSES: weights}

    return batching.batches(
        samples,
        sample,
        weigh,
        batch_size=batch_size,
        seed=seed,
        salt=_SALT,
        start_step=start_step,
        shard=shard,
    )
