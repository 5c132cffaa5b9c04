"""Collections of encoded images, read as endless streams.

A collection has `len()`, `name(index)`, `has_vanished(index)`, `is_damaged(index)`,
`keys`, `stream(seed, start, shuffle)`, `sampler(seed)`, `read(index, content)` and
`subset(indices)`. A stream is a pure function of (seed, position): the sample at
position `n` is the same wherever the stream starts.
"""

import bisect
import functools
import itertools
import os

import numpy as np
import tensorflow as tf

from selfsup.data import record_index, records

# A position no stream reaches; ranges that end here are endless in practice.
ENDLESS = 2**62


def shuffled(position, count, seed):
    """Returns which of `count` items stands at a position of an endless stream.

    Every epoch of `count` positions holds each item once, in a new order.

    Args:
        position: `[...]`, int64.
        count: Number of items.
        seed: Integer.

    Returns:
        `[...]`, int64 in `[0, count)`.
    """
    epoch, offset = position // count, position % count
    return permuted(offset, count, seed, epoch)


def permuted(offset, count, seed, number):
    """Returns which item stands at an offset of a numbered random permutation.

    Args:
        offset: `[...]`, int64 in `[0, count)`.
        count: Number of items, an integer or `[]`, int64.
        seed: Integer.
        number: Number of the permutation, `[]` or like `offset`, int64.

    Returns:
        `[...]`, int64 in `[0, count)`.
    """
    number = tf.broadcast_to(tf.cast(number, tf.int64), tf.shape(offset))
    seed = tf.fill(tf.shape(offset), tf.constant(seed, tf.int64))
    # The function around this op pads batches of seeds on the wrong axis.
    return tf.raw_ops.RandomIndexShuffle(
        index=offset,
        seed=tf.stack([seed, number, tf.zeros_like(number)], axis=-1),
        max_index=tf.cast(count - 1, tf.int64),
        rounds=4,
    )


class FileImages:
    """Images that are files, or records inside of files.

    Args:
        paths: Paths of the files, or places of records; see `records.source`.
        keys: What they are called inside their source; None for `paths`.

    Attributes:
        keys: Names that stay when the source is moved.
    """

    def __init__(self, paths, keys=None):
        self.sources = tuple(map(os.fspath, paths))
        self.keys = self.sources if keys is None else tuple(keys)

    def __len__(self):
        return len(self.sources)

    @functools.cached_property
    def _are_records(self):
        """Whether sources are records, a set of answers.

        Looked at once: `read` is called for every image where no graph is built. Sets
        of VOC have fields of their own and not this class's constructor.
        """
        return frozenset(map(records.is_record, self.sources))

    def name(self, index):
        """Returns what errors call an image: its path, or where the record is."""
        return records.shown(self.sources[index])

    def has_vanished(self, index):
        """Returns whether an image is no longer where it was, or cut off."""
        return not records.is_there(self.sources[index])

    def is_damaged(self, index):
        """Returns whether an image is in a shard of ours and has changed since."""
        return record_index.is_damaged(self.sources[index])

    def stream(self, seed, start=0, shuffle=True):
        """Returns the samples from position `start` on.

        Args:
            seed: Integer.
            start: Position of the first sample.
            shuffle: Whether the stream is endless, every epoch in a random
                order; otherwise every image comes once, in order.

        Returns:
            A `tf.data.Dataset` of `(index, content)`, an int64 and a string for
            `read`.
        """
        if shuffle:
            return tf.data.Dataset.range(start, ENDLESS).map(self.sampler(seed))
        sources = tf.data.Dataset.from_tensor_slices(self._encoded_sources())
        return sources.enumerate().skip(start)

    def sampler(self, seed):
        """Returns the shuffled stream as a function; None where it has to be read.

        Args:
            seed: Integer.

        Returns:
            A function from positions, `[]` or `[N]`, int64, to the samples there,
            `(index, content)`, each of the same shape; runs in graphs.
        """
        sources, count = tf.constant(self._encoded_sources()), len(self)

        def sample(position):
            index = shuffled(position, count, seed)
            return index, tf.gather(sources, index)

        return sample

    def _encoded_sources(self):
        return [os.fsencode(source) for source in self.sources]

    def read(self, index, content):
        """Returns the encoded image of an element of the stream; runs in graphs.

        Args:
            index: `[]`, int64.
            content: `[]`, string.

        Returns:
            `[]`, string.
        """
        del index
        if self._are_records == {False}:
            return tf.io.read_file(content)
        if self._are_records == {True}:
            return records.read(content)
        return tf.cond(
            records.may_be_record(content),
            lambda: records.read(content),
            lambda: tf.io.read_file(content),
        )

    def subset(self, indices):
        """Returns the collection of some of the images.

        Args:
            indices: Numbers of the images, in the order wanted.
        """
        indices = list(indices)
        return FileImages(
            [self.sources[i] for i in indices], [self.keys[i] for i in indices]
        )


class ChosenImages:
    """Some images of a collection that can only be read as a stream.

    Every epoch reads the whole collection.

    Args:
        images: A collection.
        indices: Numbers of the images, increasing.
    """

    def __init__(self, images, indices):
        self._images = images
        self._indices = np.asarray(indices, np.int64)

    def __len__(self):
        return len(self._indices)

    @property
    def keys(self):
        """Names that stay when the source is moved."""
        keys = self._images.keys
        return tuple(keys[index] for index in self._indices)

    def name(self, index):
        """Returns the name of an image."""
        return self._images.name(int(self._indices[index]))

    def has_vanished(self, index):
        """Returns whether an image is no longer where it was."""
        return self._images.has_vanished(int(self._indices[index]))

    def is_damaged(self, index):
        """Returns whether an image has changed; see `FileImages`."""
        return self._images.is_damaged(int(self._indices[index]))

    def stream(self, seed, start=0, shuffle=True):
        """Returns the samples from position `start` on; see `FileImages`."""
        epoch, offset = divmod(start, len(self)) if shuffle else (0, start)
        whole = self._images.stream(seed, epoch * len(self._images), shuffle)
        chosen = np.full(len(self._images), -1)
        chosen[self._indices] = np.arange(len(self))
        chosen = tf.constant(chosen, tf.int64)
        stream = whole.map(lambda index, content: (tf.gather(chosen, index), content))
        return stream.filter(lambda index, _: index >= 0).skip(offset)

    def sampler(self, seed):
        """Returns None: the stream has to be read."""

    def read(self, index, content):
        """Returns the encoded image of an element; see `FileImages`."""
        return self._images.read(tf.gather(self._indices, index), content)

    def subset(self, indices):
        """Returns the collection of some of the images; `indices` increase."""
        return ChosenImages(self._images, self._indices[np.asarray(indices)])


class MixedImages:
    """Several collections as one, mixed in proportion to their sizes or to weights.

    With weights a part has epochs of its own in the shuffled stream. Unshuffled, every
    image comes once, whatever the weights.

    Args:
        parts: At least two collections.
        weights: Samples of each part among as many as their sum, positive integers
            of a sum below 2**31; None for the sizes.
    """

    def __init__(self, parts, weights=None):
        self._parts = tuple(parts)
        self._offsets = (0, *itertools.accumulate(map(len, self._parts)))
        self._weights = tuple(map(len, self._parts) if weights is None else weights)

    def __len__(self):
        return self._offsets[-1]

    @property
    def keys(self):
        """Names that stay when the sources are moved."""
        return tuple(key for part in self._parts for key in part.keys)

    @property
    def sources(self):
        """Sources of the parts that are files or records; see `FileImages`."""
        parts = (getattr(part, "sources", ()) for part in self._parts)
        return tuple(itertools.chain.from_iterable(parts))

    def name(self, index):
        """Returns the name of an image."""
        part, index = self._part(index)
        return part.name(index)

    def has_vanished(self, index):
        """Returns whether an image is no longer where it was."""
        part, index = self._part(index)
        return part.has_vanished(index)

    def is_damaged(self, index):
        """Returns whether an image has changed; see `FileImages`."""
        part, index = self._part(index)
        return part.is_damaged(index)

    def _part(self, index):
        number = bisect.bisect_right(self._offsets, index) - 1
        return self._parts[number], index - self._offsets[number]

    def stream(self, seed, start=0, shuffle=True):
        """Returns the samples from position `start` on; see `FileImages`."""
        offsets = self._offsets[:-1]
        starts = (
            self._counts(start) if shuffle else [max(start - i, 0) for i in offsets]
        )
        streams = [
            _shifted(part.stream(seed, taken, shuffle), offset)
            for part, taken, offset in zip(self._parts, starts, offsets, strict=True)
        ]
        if not shuffle:
            return functools.reduce(tf.data.Dataset.concatenate, streams)
        places = tf.data.Dataset.range(start, ENDLESS).map(self._place)
        choice = places.map(lambda part, _: part)
        return tf.data.Dataset.choose_from_datasets(streams, choice)

    def sampler(self, seed):
        """Returns the shuffled stream as a function; see `FileImages`."""
        samplers = [part.sampler(seed) for part in self._parts]
        if None in samplers:
            return None

        def sample(position):
            choice, local = self._place(position)
            index, content = samplers[0](local)
            for number, other in enumerate(samplers[1:], start=1):
                mine, (i, c) = choice == number, other(local)
                index = tf.where(mine, i + self._offsets[number], index)
                content = tf.where(mine, c, content)
            return index, content

        return sample

    def read(self, index, content):
        """Returns the encoded image of an element; see `FileImages`."""
        ends = tf.constant(self._offsets[1:], tf.int64)
        part = tf.searchsorted(ends, [index], side="right")[0]
        return tf.switch_case(
            part, [lambda p=p: p.read(index, content) for p in self._parts]
        )

    def subset(self, indices):
        """Returns the collection of some of the images; `indices` increase.

        Weights play no part in it: its epochs hold every image once.
        """
        return ChosenImages(MixedImages(self._parts), indices)

    def _counts(self, position):
        """Returns how many of the first `position` samples each part gives."""
        counts, rest = [], sum(self._weights)
        for weight in self._weights[:-1]:
            # Exact: Python's integers have no limit.
            epochs, offset = divmod(position, rest)
            taken = epochs * weight + offset * weight // rest
            counts.append(taken)
            position, rest = position - taken, rest - weight
        return [*counts, position]

    def _place(self, position):
        """Returns the parts of the samples at positions, and where in their streams.

        The first part gets its share by rounding down `position * share`; of
        the positions that are left the next gets its share, and so on.
        """
        position = tf.convert_to_tensor(position)
        choice = tf.fill(
            tf.shape(position), tf.constant(len(self._parts) - 1, tf.int64)
        )
        place, undecided = position, tf.ones_like(position, tf.bool)
        rest = sum(self._weights)
        for number, weight in enumerate(self._weights[:-1]):
            epochs, offset = position // rest, position % rest
            taken = offset * weight // rest
            mine = undecided & ((offset + 1) * weight // rest > taken)
            choice = tf.where(mine, tf.constant(number, tf.int64), choice)
            place = tf.where(mine, epochs * weight + taken, place)
            undecided = undecided & ~mine
            position, rest = position - epochs * weight - taken, rest - weight
            place = tf.where(undecided, position, place)
        return choice, place


def _shifted(stream, offset):
    return stream.map(lambda index, content: (index + offset, content))
