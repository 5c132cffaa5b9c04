"""Images inside TFRecord shards as streams.

Records of shards can't be indexed, so an epoch reads the shards in a random
order and shuffles inside windows. The order is a function of (seed, epoch);
starting in the middle skips whole shards by their counts and whole windows.
"""

import math

import tensorflow as tf

from selfsup.data.streams import ENDLESS, ChosenImages, permuted, shuffled

# Records shuffled together. Encoded photographs of 100 kB make 50 MB of it.
WINDOW = 512

# Keeps the windows' seeds apart from the shards'.
_SALT = 0x3AD0 << 32


class ShardImages:
    """A collection of images inside TFRecord shards.

    Args:
        spec: Specification, for names.
        shards: Triples of file, records skipped at its beginning, and records
            read.
        read: Function from a serialized record to the encoded image.
    """

    def __init__(self, spec, shards, read):
        self._spec = spec
        self._shards = tuple(shards)
        self._read = read
        self._count = sum(take for _, _, take in shards)

    def __len__(self):
        return self._count

    @property
    def keys(self):
        """Names that stay when the shards are moved."""
        return tuple(map(self.name, range(len(self))))

    def name(self, index):
        """Returns the specification and the number of an image."""
        return f"{self._spec}#{index}"

    def has_vanished(self, index):
        """Returns False: a missing shard ends the stream with an error of its own."""
        del index
        return False

    def is_damaged(self, index):
        """Returns False: a damaged shard ends the stream too."""
        del index
        return False

    def stream(self, seed, start=0, shuffle=True):
        """Returns the samples from position `start` on; see `FileImages`."""
        if not shuffle:
            order = tf.range(len(self._shards), dtype=tf.int64)
            records = self._records(order, tf.constant(start, tf.int64))
        else:
            first, offset = divmod(start, self._count)

            def epoch(number):
                begin = tf.where(number == first, tf.constant(offset, tf.int64), 0)
                return self._epoch(seed, number, begin)

            records = tf.data.Dataset.range(first, ENDLESS).flat_map(epoch)
        return records.map(lambda index, record: (index, self._read(record)))

    def sampler(self, seed):
        """Returns None: the stream has to be read."""

    def read(self, index, content):
        """Returns the encoded image of an element; see `FileImages`."""
        del index
        return content

    def subset(self, indices):
        """Returns the collection of some of the images; `indices` increase."""
        return ChosenImages(self, indices)

    def _epoch(self, seed, number, start):
        """Returns one epoch's (index, record) pairs from position `start` on."""
        count = len(self._shards)
        order = shuffled(number * count + tf.range(count, dtype=tf.int64), count, seed)
        begin = start // WINDOW * WINDOW
        per_epoch = math.ceil(self._count / WINDOW)

        def shuffle_window(window, indices, records):
            size = tf.shape(indices, tf.int64)[0]
            # Windows of all epochs are numbered on, and each has its own order.
            order = permuted(
                tf.range(size), size, seed + _SALT, number * per_epoch + window
            )
            return tf.gather(indices, order), tf.gather(records, order)

        windows = self._records(order, begin).batch(WINDOW).enumerate(begin // WINDOW)
        windows = windows.map(lambda number, pair: shuffle_window(number, *pair))
        return windows.unbatch().skip(start - begin)

    def _records(self, order, start):
        """Returns the (index, record) pairs of shards in `order`, from `start` on."""
        names, skips, takes = zip(*self._shards, strict=True)
        names = tf.constant(names)
        skips = tf.constant(skips, tf.int64)
        takes = tf.constant(takes, tf.int64)
        offsets = tf.cumsum(takes, exclusive=True)
        ends = tf.cumsum(tf.gather(takes, order))
        # Shards that end before `start` are not opened at all.
        first = tf.reduce_sum(tf.cast(ends <= start, tf.int64))
        ahead = tf.concat([[tf.constant(0, tf.int64)], ends], axis=0)[first]

        def read(shard):
            records = tf.data.TFRecordDataset(names[shard]).skip(skips[shard])
            return records.take(takes[shard]).enumerate(offsets[shard])

        shards = tf.data.Dataset.from_tensor_slices(order[first:])
        return shards.flat_map(read).skip(start - ahead)
