"""The one engine that turns a collection of images into a stream of batches.

    stream = batches(
        images,
        lambda index, encoded, seed: {"x": crop(decoding.decode(encoded), seed)},
        lambda samples: ({"gray": samples["x"]}, targets, weights),
        batch_size=32,
        seed=0,
        salt=0x0B0E << 32,
    )

Sample `n` of a stream is sample `n % batch_size` of batch `n // batch_size`.
Its image is a function of (seed, n), and so is all that is drawn for it; so a
stream can start anywhere, and be read by several workers.
"""

import contextlib
import os
import re
from typing import NamedTuple

import tensorflow as tf

from selfsup import atomic
from selfsup.data import decoding, streams

# Index of the samples that fill up the last batch.
PADDING = -1

# Samples that one thread prepares at a time. Many share the cost of starting;
# few keep the memory of chunks in preparation small.
_CHUNK = 32

# How TensorFlow reports an exception of Python code: kind and first line.
_PYTHON_ERROR = re.compile(r"\b[A-Za-z]+(?:Error|Exception): (.+)\nTraceback \(most")


def cores():
    """Returns how many cores this process may use: a cluster's job has a share."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not on macOS and Windows.
        return os.cpu_count() or 1


def batches(
    images,
    sample,
    finish,
    *,
    batch_size,
    seed,
    salt,
    start_step=0,
    shuffle=True,
    blank=None,
    shard=(0, 1),
):
    """Builds a stream of batches.

    Args:
        images: A collection; see `selfsup.data.streams`.
        sample: Function from an image's number, `[]`, int64, its content, `[]`,
            string, and a seed, `[2]`, int64, to a structure of tensors; runs in
            graphs.
        finish: Function from batched samples to the tuple that the stream
            yields, such as `(inputs, targets, weights)`; runs in graphs. It
            sees parts of a batch, so it treats each sample by itself.
        batch_size: Number of samples of a batch, over all workers.
        seed: Integer that decides the order, and `sample`'s seeds.
        salt: Integer that is added to `sample`'s seeds, which keeps them apart
            from those of the order.
        start_step: Number of batches skipped, at no cost.
        shuffle: Whether the stream is endless, every epoch in a random order;
            otherwise every image comes once, in order, and the last batch is
            filled up.
        blank: Function from an image's number to a sample without weight. It
            replaces an image that can't be decoded, and fills up the last
            batch, with the number `PADDING`.
        shard: Pair of a worker's number and the number of workers. Each reads
            its own contiguous part of every batch.

    Returns:
        A `tf.data.Dataset`. Where images are not replaced, one that can't be
        decoded ends it with an error that names the image; see
        `reading_errors`.

    Raises:
        ValueError: If the batch does not split evenly over the workers.
    """
    worker, workers = shard
    if batch_size % workers:
        raise ValueError(
            "A batch does not split evenly over the workers. Expected a multiple of "
            f"{workers}. Received: batch_size={batch_size}"
        )
    size = batch_size // workers
    chunk = max(n for n in range(1, _CHUNK + 1) if size % n == 0)
    share = _Share(start_step, batch_size, worker, workers)
    sampler = images.sampler(seed) if shuffle else None
    if sampler is not None:
        stream = share.chunks(sampler, chunk)
    else:
        stream = images.stream(seed, start_step * batch_size, shuffle)
        if blank is not None and not shuffle:
            filling = tf.data.Dataset.from_tensors((tf.constant(PADDING, tf.int64), ""))
            stream = stream.concatenate(filling.repeat(-len(images) % batch_size))
        stream = share.samples(stream).batch(chunk, drop_remainder=True)
    stream = stream.interleave(
        _reader(images, sample, finish, seed + salt, blank, chunk),
        cycle_length=cores(),
        num_parallel_calls=cores(),
        deterministic=True,
    )

    def merge(*parts):
        return tf.nest.map_structure(
            lambda t: tf.reshape(t, [size, *t.shape[2:]]), parts
        )

    # Merging a single chunk would copy every image again.
    if chunk < size:
        stream = stream.batch(size // chunk, drop_remainder=True).map(merge)
    return stream.prefetch(2)


class _Share(NamedTuple):
    """A worker's part of every batch, from a batch on.

    Its elements are `(number, (index, content))`: numbers of samples in the stream of
    all workers, and what the collection's stream holds there.
    """

    start_step: int
    batch_size: int
    worker: int
    workers: int

    def chunks(self, sampler, chunk):
        """Returns chunks of samples that are known by their numbers."""
        size = self.batch_size // self.workers

        def of_chunk(number):
            own = number * chunk + tf.range(chunk, dtype=tf.int64)
            batch = self.start_step + own // size
            n = batch * self.batch_size + self.worker * size + own % size
            return n, sampler(n)

        return tf.data.Dataset.range(streams.ENDLESS // self.batch_size).map(of_chunk)

    def samples(self, stream):
        """Returns samples of a stream that starts with the first batch."""
        size = self.batch_size // self.workers
        stream = stream.enumerate(self.start_step * self.batch_size)
        if self.workers == 1:
            return stream
        return stream.filter(lambda n, _: n % self.batch_size // size == self.worker)


def _reader(images, sample, finish, seed, blank, size):
    """Returns a function from a chunk of the stream to a dataset of its batch.

    An op that fails ends its dataset's element, and tf.data offers to skip it
    only. Skipping would shift the stream; so every chunk of samples is a small
    dataset of one element, followed by a second, careful one, which is used if
    the first has been skipped. It takes each image by itself.
    """

    # Functions are traced once, although several datasets call them.
    @tf.function(autograph=False)
    def read(number, index, content):
        encoded = images.read(index, content)
        return sample(index, encoded, tf.stack([seed, number]))

    @tf.function(autograph=False)
    def height(number, index, content):
        del number
        # An op whose value nothing needs would not run.
        return tf.shape(decoding.decode(images.read(index, content)))[0]

    def fail(index):
        raise ValueError(
            "An image can't be read. Expected an image file of at most "
            f"{decoding.MAX_PIXELS} pixels. Received: {images.name(int(index))!r}"
        )

    def read_strictly(one):
        failing = one.map(lambda _, i, __: tf.numpy_function(fail, [i], tf.int32))
        checked = one.map(height).ignore_errors().concatenate(failing).take(1)
        # Errors that are not the image's, such as a mask's, are left as they are.
        return tf.data.Dataset.zip(checked, one).map(lambda _, item: read(*item))

    def read_or_replace(*item):
        one = tf.data.Dataset.from_tensors(item)
        if blank is None:
            return read_strictly(one)
        replaced = one.map(lambda _, index, __: blank(index))
        found = one.filter(is_image).map(read).ignore_errors()
        return found.concatenate(replaced).take(1)

    def is_image(number, index, content):
        del number, content
        return index != PADDING

    def read_chunk(number, pair):
        chunk = tf.data.Dataset.from_tensor_slices((number, *pair))
        # A chunk with a bad image or padding has no full batch left, and ends empty.
        quick = chunk.filter(is_image).map(read)
        quick = quick.batch(size, drop_remainder=True).ignore_errors()
        careful = chunk.flat_map(read_or_replace).batch(size, drop_remainder=True)
        return quick.concatenate(careful).take(1).map(finish)

    return read_chunk


@contextlib.contextmanager
def reading_errors():
    """Turns errors of reading inside a stream into plain ones, of one line.

    What Python code raises inside of a stream arrives as an error of TensorFlow
    with two tracebacks in its text, and what it finds in a shard with the names of
    its nodes. Used around the iteration; other errors pass.

    Raises:
        ValueError: In place of the error. The text of Python's names the file.
    """
    try:
        yield
    except tf.errors.DataLossError as error:
        raise ValueError(
            "A shard of a data set is damaged. Expected whole records. "
            f"Received: {atomic.first_line(error).partition(' [Op:')[0]}"
        ) from error
    except tf.errors.OpError as error:
        match = _PYTHON_ERROR.search(error.message)
        if match is None:
            raise
        raise ValueError(match.group(1)) from None
