"""Streams of images with one label each: what the streams of several tasks share."""

import tensorflow as tf

from selfsup import heads
from selfsup.data import batching
from selfsup.data.pipeline import OK, UNDECODABLE


def label_batches(images, sample, shape, key=None, **options):
    """Builds a stream of images with labels.

    An image that can't be decoded becomes a sample of gray 0 and weight 0 in its place.

    Args:
        images: A collection; see `selfsup.data.streams`.
        sample: Function from an image's number, `[]`, int64, its content, `[]`,
            string, and a seed, `[2]`, int64, to a pair of what the network takes and
            the label, `[]`, int32; runs in graphs.
        shape: Shape of what the network takes; its last number is 1 for gray, 3 for
            color.
        key: Name of the input; None for `gray` or `rgb`.
        **options: As in `batching.batches`.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights, status)`: `key`
        `[B, *shape]`, float32; `label` `[B]`, int32; `label` `[B]`, float32, 0 for
        what can't be decoded and for filling; `index` `[B]`, int64, the image's number
        or `PADDING`, and `status` `[B]`, int8, `OK` or `UNDECODABLE`.
    """
    key = key or ("gray" if shape[-1] == 1 else "rgb")

    def with_status(index, encoded, seed):
        image, label = sample(index, encoded, seed)
        return index, image, label, tf.constant(OK)

    def blank(index):
        kind = tf.where(index == batching.PADDING, OK, UNDECODABLE)
        return index, tf.zeros(shape), tf.constant(0), kind

    def finish(index, image, label, status):
        usable = (status == OK) & (index != batching.PADDING)
        return (
            {key: tf.ensure_shape(image, [None, *shape])},
            {heads.LABEL: label},
            {heads.LABEL: tf.cast(usable, tf.float32)},
            {"index": index, "status": tf.cast(status, tf.int8)},
        )

    return batching.batches(images, with_status, finish, blank=blank, **options)
