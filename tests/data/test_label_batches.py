"""Images with labels: weights of what can't be read, and of filling."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import data
from selfsup.data.label_batches import label_batches
from selfsup.data.streams import FileImages


@pytest.fixture
def images(tmp_path):
    """Files of the bytes 0 to 3, of which the one of 2 can't be read."""
    for number in range(4):
        (tmp_path / str(number)).write_bytes(bytes([number]))
    return FileImages([str(tmp_path / str(number)) for number in range(4)])


def _sample(index, encoded, seed):
    del seed
    number = tf.cast(tf.io.decode_raw(encoded, tf.uint8), tf.float32)
    with tf.control_dependencies([tf.debugging.Assert(number[0] != 2, ["bad"])]):
        return tf.fill([1, 1, 3], number[0]), 10 * tf.cast(index, tf.int32)


def test_what_cannot_be_read_and_filling_have_no_weight(images):
    batches = label_batches(
        images, _sample, (1, 1, 3), batch_size=3, seed=0, salt=0, shuffle=False
    )
    found = list(batches)
    assert found[0][0]["rgb"].shape == (3, 1, 1, 3)
    joined = [
        np.concatenate(parts)
        for parts in zip(
            *(
                (b[0]["rgb"][:, 0, 0, 0], b[1]["label"], b[2]["label"], *b[3].values())
                for b in found
            ),
            strict=True,
        )
    ]
    values, labels, weights, index, status = joined
    np.testing.assert_array_equal(values, [0, 1, 0, 3, 0, 0])
    np.testing.assert_array_equal(labels, [0, 10, 0, 30, 0, 0])
    np.testing.assert_array_equal(weights, [1, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(index, [0, 1, 2, 3, data.PADDING, data.PADDING])
    np.testing.assert_array_equal(status == data.UNDECODABLE, index == 2)
