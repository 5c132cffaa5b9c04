"""Streams of records in shards: order, windows and starting in the middle."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup.data import shards

COUNT = 23


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """23 records in 4 shards; of the first and the last a part is left out."""
    folder, number = tmp_path_factory.mktemp("shards"), 0
    parts = []
    for shard, (skip, take, rest) in enumerate(
        [(2, 5, 0), (0, 7, 0), (0, 6, 0), (0, 5, 3)]
    ):
        path = str(folder / f"{shard}.tfrecord")
        with tf.io.TFRecordWriter(path) as writer:
            for _ in range(skip):
                writer.write(b"skipped")
            for _ in range(take):
                writer.write(str(number).encode())
                number += 1
            for _ in range(rest):
                writer.write(b"behind")
        parts.append((path, skip, take))
    return shards.ShardImages("x", parts, lambda record: tf.strings.join(["#", record]))


def take(stream, count):
    """Returns (index, number that the content holds) pairs."""
    return [
        (int(index), int(content[1:]))
        for index, content in stream.take(count).as_numpy_iterator()
    ]


def test_every_image_comes_once_in_order(images):
    assert len(images) == COUNT and images.name(7) == "x#7"
    expected = [(number, number) for number in range(COUNT)]
    for start in (0, 5, 9, 22, 23):
        assert take(images.stream(0, start, shuffle=False), 99) == expected[start:]


@pytest.mark.parametrize("window", [1, 4, 512])
def test_streams_start_anywhere(images, monkeypatch, window):
    monkeypatch.setattr(shards, "WINDOW", window)
    whole = take(images.stream(5), 3 * COUNT)
    for start in (5, 22, 23, 30, 46):
        assert take(images.stream(5, start), 20) == whole[start : start + 20]
    assert all(index == number for index, number in whole)
    epochs = np.reshape([index for index, _ in whole], [3, COUNT])
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(COUNT), [3, 1]))
    assert np.any(epochs[0] != epochs[1])


def test_the_content_is_what_is_read(images):
    index, content = next(iter(images.stream(0, 3, shuffle=False)))
    assert images.read(index, content).numpy() == b"#3"
