"""Streams of training batches: pure functions of (seed, step).

    samples = voc.open_segmentation("VOCdevkit", "train")
    batches = voc.segmentation_batches(
        samples, crop_size=448, batch_size=10, points=128
    )
    with voc.reading_errors():
        for inputs, targets, weights, status in batches.take(10):
            ...

Sample `n` of a stream is sample `n % batch_size` of batch `n // batch_size`.
Its image is a function of (seed, n), as are its crop and its points; so a
stream can start anywhere at once. Nothing is skipped: a file that can't be read
ends the stream with an error.
"""

import contextlib
import os
import re

import tensorflow as tf

from selfsup import targets as targets_lib
from selfsup.data import decoding, images
from selfsup.data.pipeline import OK
from selfsup.data.voc import augmentation
from selfsup.data.voc.masks import VOID

# Keeps the augmentation's seeds apart from the shuffling's.
_SALT = 0x5E65 << 32

# How TensorFlow reports an exception of Python code: kind and first line.
_PYTHON_ERROR = re.compile(r"\b[A-Za-z]+(?:Error|Exception): (.+)\nTraceback \(most")


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
):
    """Builds the endless stream of segmentation batches.

    The weights make the plain mean of `weight * loss` over all B x P points the
    mean over the points of the batch that are not void; 0 where all are.

    Args:
        samples: A `SegmentationSet`.
        crop_size: Side `S` of the random crops, at the original scale.
        batch_size: Number of images `B`.
        points: Number of points `P` that are sampled in each crop.
        point_margin: Distance of the points from the crop's border, in pixels.
        color: Whether inputs are RGB instead of gray.
        seed: Integer that decides order, crops and points.
        start_step: Number of batches skipped, at no cost.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights, status)`: `gray`
        `[B, S, S, 1]` (or `rgb` `[B, S, S, 3]`), float32 in `[0, 1]` minus
        0.4488, and `points` `[B, P, 2]`, float32 (y, x); `classes` `[B, P]`,
        int32, 255 for void; `classes` `[B, P]`, float32; `index` `[B]`, int64,
        and `status` `[B]`, int8, all `OK`.

    Raises:
        ValueError: If an argument is out of range.
    """
    _check_positive(crop_size=crop_size, batch_size=batch_size, points=points)
    key = "rgb" if color else "gray"

    def read_mask(index, size):
        return samples.mask(int(index), tuple(map(int, size)))

    def sample(index, image, seed):
        size = tf.shape(image)[:2]
        mask = tf.numpy_function(read_mask, [index, size], tf.uint8)
        mask = tf.ensure_shape(mask, [None, None])
        draws = augmentation.DRAWS
        uniform = tf.random.stateless_uniform([draws + 2 * points], seed)
        crop, labels = augmentation.paired_crop(
            image, mask, uniform[:draws], crop_size, color
        )
        places = targets_lib.points_from_uniform(
            tf.reshape(uniform[draws:], [points, 2]), crop_size, crop_size, point_margin
        )
        labels = tf.cast(tf.gather_nd(labels, places), tf.int32)
        return {key: crop, "points": tf.cast(places, tf.float32)}, labels

    def finish(index, sampled):
        inputs, labels = sampled
        weights = valid_weights(labels != VOID)
        return inputs, {"classes": labels}, {"classes": weights}, _status(index)

    return _batches(samples, sample, finish, batch_size, seed, start_step)


def classification_batches(
    samples,
    *,
    crop_size,
    batch_size,
    color=False,
    seed=0,
    start_step=0,
    min_scale=0.5,
    max_scale=2.0,
):
    """Builds the endless stream of classification batches.

    Args:
        samples: A `ClassificationSet`.
        crop_size: Side `S` of the random crops.
        batch_size: Number of images `B`.
        color: Whether inputs are RGB instead of gray.
        seed: Integer that decides order and crops.
        start_step: Number of batches skipped, at no cost.
        min_scale: Smallest scale, 1 is the original size.
        max_scale: Largest scale.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights, status)`: `gray`
        `[B, S, S, 1]` (or `rgb` `[B, S, S, 3]`), float32 in `[0, 1]` minus
        0.4488; `classes` `[B, K]`, float32: 1 present, 0 absent, 255 difficult;
        `classes` `[B]`, float32 ones; `index` `[B]`, int64, and `status` `[B]`,
        int8, all `OK`.

    Raises:
        ValueError: If an argument is out of range.
    """
    _check_positive(crop_size=crop_size, batch_size=batch_size)
    if not 0 < min_scale <= max_scale:
        raise ValueError(
            "Arguments `min_scale` and `max_scale` are no range of scales. Expected "
            "0 < min_scale <= max_scale. Received: "
            f"min_scale={min_scale}, max_scale={max_scale}"
        )
    key = "rgb" if color else "gray"
    all_labels = tf.constant(samples.labels)

    def sample(index, image, seed):
        uniform = tf.random.stateless_uniform([augmentation.DRAWS], seed)
        crop = augmentation.scaled_crop(
            image, uniform, crop_size, color, min_scale, max_scale
        )
        return {key: crop}, tf.cast(tf.gather(all_labels, index), tf.float32)

    def finish(index, sampled):
        inputs, labels = sampled
        weights = tf.ones([batch_size])
        return inputs, {"classes": labels}, {"classes": weights}, _status(index)

    return _batches(samples, sample, finish, batch_size, seed, start_step)


def valid_weights(valid):
    """Returns weights that turn a mean over all into the mean over the valid.

    Args:
        valid: Bool, of any shape.

    Returns:
        float32 of that shape: the size divided by the number of valid elements
        where valid, 0 elsewhere.
    """
    valid = tf.cast(valid, tf.float32)
    share = tf.reduce_mean(valid)
    return tf.math.divide_no_nan(valid, share)


@contextlib.contextmanager
def reading_errors():
    """Turns errors of reading inside a stream into plain ones, of one line.

    What a reader raises inside of a stream arrives as an error of TensorFlow
    with two tracebacks in its text. Used around the iteration; other errors
    pass.

    Raises:
        ValueError: In place of the error; it has the reader's own text, which
            names the file.
    """
    try:
        yield
    except tf.errors.OpError as error:
        match = _PYTHON_ERROR.search(error.message)
        if match is None:
            raise
        raise ValueError(match.group(1)) from None


def _batches(samples, sample, finish, batch_size, seed, start_step):
    """Builds a stream from functions of one sample and of one batch.

    Args:
        samples: The set.
        sample: Function of `(index, image, seed)`.
        finish: Function of the batched indices and results of `sample`.
        batch_size: Number of images of a batch.
        seed: Integer.
        start_step: Number of batches skipped.
    """
    count = len(samples)
    if not count:
        raise ValueError(
            "A set of images to train with is empty. Expected at least one image. "
            f"Received: none of split {samples.split!r}"
        )

    def encoded_image(index):
        return samples.encoded(int(index))

    def read(number):
        index = images.shuffled(number, count, seed)
        encoded = tf.numpy_function(encoded_image, [index], tf.string)
        return number, index, tf.ensure_shape(encoded, [])

    def decode(number, index, encoded):
        return _decoded(samples, number, index, encoded)

    def finish_sample(number, index, image):
        return index, sample(index, image, tf.stack([seed + _SALT, number]))

    workers = os.cpu_count()
    numbers = tf.data.Dataset.range(start_step * batch_size, images.ENDLESS)
    dataset = numbers.map(read, num_parallel_calls=workers, deterministic=True)
    dataset = dataset.interleave(
        decode,
        cycle_length=workers,
        num_parallel_calls=workers,
        deterministic=True,
    )
    dataset = dataset.map(finish_sample, num_parallel_calls=workers, deterministic=True)
    return dataset.batch(batch_size, drop_remainder=True).map(finish).prefetch(2)


# A function of its own is traced once, although several datasets call it.
@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _decode(encoded):
    return decoding.decode(encoded)


def _decoded(samples, number, index, encoded):
    """Decodes an image in the graph, and names it if that fails.

    `samples.image` is of no use here: Python code inside of a stream that calls
    TensorFlow itself can wait for ever. So the image is tried as it is, then,
    if it is a JPEG, with the mark of its end, as `load_image` does; and then
    comes the error.

    Returns:
        Dataset of one `(number, index, image)`.
    """
    one = tf.data.Dataset.from_tensors(encoded)
    attempts = one.map(_decode).ignore_errors()
    completed = one.map(decoding.with_end_mark).map(_decode).ignore_errors()

    def fail(index):
        raise ValueError(
            "An image can't be decoded. Expected a readable image of at most "
            f"{decoding.MAX_PIXELS} pixels. Received: {samples.location(int(index))!r}"
        )

    def failing(encoded):
        del encoded
        image = tf.numpy_function(fail, [index], tf.uint8)
        return tf.ensure_shape(image, [None, None, 3])

    tried = attempts.concatenate(completed).concatenate(one.map(failing)).take(1)
    return tried.map(lambda image: (number, index, image))


def _status(index):
    return {"index": index, "status": tf.fill(index.shape, tf.constant(OK, tf.int8))}


def _check_positive(**arguments):
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(
                f"Argument `{name}` is too small. Expected a positive integer. "
                f"Received: {name}={value}"
            )
