"""The engine of batches on small images whose pixels hold their number."""

import gc
import os

import numpy as np
import pytest
import tensorflow as tf

from selfsup.data import batching
from selfsup.data.streams import FileImages, MixedImages

COUNT = 11


@pytest.fixture
def paths(tmp_path):
    """Eleven files; all pixels of image i are 10 * i."""
    found = [tmp_path / f"{number:02}.png" for number in range(COUNT)]
    for number, path in enumerate(found):
        pixels = np.full([2, 3, 3], 10 * number, np.uint8)
        path.write_bytes(tf.io.encode_png(pixels).numpy())
    return found


def stream(images, **arguments):
    """Batches of the number that the pixels hold, the index and a random number."""

    def sample(index, encoded, seed):
        pixels = tf.io.decode_png(encoded, channels=3)
        drawn = tf.random.stateless_uniform([], seed)
        return {"number": pixels[0, 0, 0] // 10, "index": index, "drawn": drawn}

    def finish(samples):
        return ({**samples, "doubled": samples["number"] * 2},)

    settings = {"batch_size": 6, "seed": 3, "salt": 1 << 32, **arguments}
    return batching.batches(images, sample, finish, **settings)


def blank(index):
    return {
        "number": tf.constant(99, tf.uint8),
        "index": index,
        "drawn": tf.constant(-1.0),
    }


def take(dataset, count):
    """Returns the batches as arrays, one after another in one."""
    found = [batch for (batch,) in dataset.take(count).as_numpy_iterator()]
    return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *found)


def assert_same(one, other):
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


@pytest.fixture
def images(paths):
    return MixedImages([FileImages(paths[:8]), FileImages(paths[8:])])


def test_cores_are_those_of_the_job(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert batching.cores() == 2
    monkeypatch.delattr("os.sched_getaffinity")
    assert batching.cores() == 64


def test_samples_are_functions_of_seed_and_number(images, monkeypatch):
    whole = take(stream(images), 11)
    np.testing.assert_array_equal(whole["number"], whole["index"])
    np.testing.assert_array_equal(whole["doubled"], 2 * whole["index"])
    epochs = whole["index"].reshape(6, COUNT)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(COUNT), [6, 1]))
    assert len(np.unique(epochs, axis=0)) == 6
    assert len(np.unique(whole["drawn"])) == 66
    seeds = np.stack([np.full(66, 3 + (1 << 32)), np.arange(66)], axis=1)
    expected = [tf.random.stateless_uniform([], seed) for seed in seeds]
    np.testing.assert_array_equal(whole["drawn"], expected)
    other = take(stream(images, seed=4), 11)
    assert np.any(other["index"] != whole["index"])
    monkeypatch.setattr(batching, "cores", lambda: 1)
    assert_same(whole, take(stream(images), 11))


def test_streams_start_anywhere(images):
    whole = take(stream(images), 9)
    later = take(stream(images, start_step=5), 4)
    assert_same(later, {name: values[30:] for name, values in whole.items()})


# A prime number and one above the size of a chunk.
@pytest.mark.parametrize("batch_size", [1, 37, 66])
def test_the_batch_size_cuts_the_same_stream(images, batch_size):
    whole = take(stream(images), 37)
    other = take(stream(images, batch_size=batch_size), 222 // batch_size)
    assert_same(other, {n: v[: len(other["index"])] for n, v in whole.items()})


@pytest.mark.parametrize(
    "settings, workers",
    [
        ({"start_step": 5}, 3),
        ({"start_step": 1, "batch_size": 80}, 2),
        ({"shuffle": False, "blank": blank}, 2),
    ],
)
def test_parts_of_workers_make_the_whole_batch(images, settings, workers):
    whole = take(stream(images, **settings), 1)
    parts = [
        take(stream(images, **settings, shard=(worker, workers)), 1)
        for worker in range(workers)
    ]
    assert len(parts[0]["index"]) == len(whole["index"]) // workers
    joined = tf.nest.map_structure(lambda *part: np.concatenate(part), *parts)
    assert_same(whole, joined)


def test_the_last_batch_is_filled_up(images):
    batch = take(stream(images, shuffle=False, blank=blank), 9)
    assert batch["index"].tolist() == [*range(COUNT), batching.PADDING]
    assert batch["number"].tolist() == [*range(COUNT), 99]
    # Without anything to fill it with it is left out.
    assert take(stream(images, shuffle=False), 9)["index"].tolist() == [*range(6)]


def test_padding_is_not_read(paths):
    asked = []

    class Watched(FileImages):
        def read(self, index, content):
            (index,) = tf.numpy_function(
                lambda index: asked.append(int(index)) or index, [index], [tf.int64]
            )
            with tf.control_dependencies([index]):
                return super().read(index, content)

    take(stream(Watched(paths), shuffle=False, blank=blank), 2)
    assert set(asked) == set(range(COUNT))


@pytest.fixture
def collected():
    """Frees the streams that errors keep alive in this test.

    A stream that Python's collector frees in one of the stream's own threads
    waits for itself. Older objects are left out, which are many.
    """
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()


def spoil(path, how):
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if how == "empty" else path.read_bytes()[:40])


@pytest.mark.parametrize("how", ["gone", "empty", "cut"])
def test_bad_images_are_replaced_in_place(paths, how):
    images = FileImages(paths)
    before = take(stream(images), 6)
    spoil(paths[4], how)
    after = take(stream(images, blank=blank), 6)
    np.testing.assert_array_equal(before["index"], after["index"])
    bad = after["index"] == 4
    assert bad.sum() >= 3 and np.all(after["number"][bad] == 99)
    np.testing.assert_array_equal(before["drawn"][~bad], after["drawn"][~bad])
    np.testing.assert_array_equal(before["number"][~bad], after["number"][~bad])


@pytest.mark.parametrize("how", ["gone", "empty", "cut"])
def test_a_bad_image_that_is_not_replaced_is_named(paths, how, collected):
    images = FileImages(paths)
    spoil(paths[9], how)
    iterator = iter(stream(images, shuffle=False, batch_size=5))
    # What comes before it is whole.
    assert next(iterator)[0]["number"].numpy().tolist() == [*range(5)]
    with pytest.raises(ValueError) as caught, batching.reading_errors():
        next(iterator)
    assert "Received: " in str(caught.value) and "\n" not in str(caught.value)
    assert str(paths[9]) in str(caught.value)


def test_errors_of_other_files_are_left_as_they_are(paths, collected):
    def read_label(index):
        if index == 5:
            raise ValueError("Label 5 is bad.")
        return index

    def sample(index, encoded, seed):
        return tf.numpy_function(read_label, [index], tf.int64)

    labels = batching.batches(
        FileImages(paths), sample, lambda x: (x,), batch_size=4, seed=0, salt=0
    )
    with pytest.raises(ValueError, match="^Label 5 is bad.$"):
        with batching.reading_errors():
            list(labels.take(4))


def test_a_damaged_shard_is_said_without_names_of_nodes(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"first" * 9)
        writer.write(b"second" * 9)
    os.truncate(path, 80)
    message = r"Expected whole records. Received: truncated record at 61[^{\[]*$"
    with pytest.raises(ValueError, match=message), batching.reading_errors():
        list(tf.data.TFRecordDataset(str(path)))


def test_other_errors_pass():
    with pytest.raises(tf.errors.InvalidArgumentError), batching.reading_errors():
        tf.reshape(tf.zeros([3]), [2])
    with pytest.raises(KeyError), batching.reading_errors():
        raise KeyError("x")
    with batching.reading_errors():
        pass


def test_an_uneven_part_of_a_batch_is_refused(images):
    with pytest.raises(ValueError, match="multiple of 4. Received: batch_size=6"):
        stream(images, shard=(0, 4))
