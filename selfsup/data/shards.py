"""Data sets of TensorFlow Datasets as streams of encoded images.

Records of shards can't be indexed, so an epoch reads the shards in a random
order and shuffles inside windows. The order is a function of (seed, epoch);
starting in the middle skips whole shards by their counts and whole windows.
"""

import math

import tensorflow as tf

from selfsup.data.images import ENDLESS, permuted, shuffled

PREFIX = "tfds:"

# Records shuffled together. Encoded photographs of 100 kB make 50 MB of it.
WINDOW = 512

# Keeps the windows' seeds apart from the shards'.
_SALT = 0x3AD0 << 32


def open_split(spec, val_fraction=0.0, subset="all"):
    """Opens `tfds:NAME/SPLIT`, or the part of it that `subset` names.

    The data set must have been prepared; nothing is downloaded. Its folder is
    TensorFlow Datasets' own, which the variable TFDS_DATA_DIR sets.

    Args:
        spec: `tfds:NAME/SPLIT`; NAME may hold a config and a version, SPLIT a
            slice such as `train[:10%]`.
        val_fraction: Fraction held out at the end of the split.
        subset: `"train"`, `"val"` or `"all"`.

    Returns:
        A `ShardImages`.

    Raises:
        ValueError: If the specification, the data set or its storage is not
            one that can be read.
        FileNotFoundError: If the data set has not been prepared.
    """
    import tensorflow_datasets as tfds

    name, _, split = spec.removeprefix(PREFIX).rpartition("/")
    if not name or not split:
        raise ValueError(
            "A source of TensorFlow Datasets is incomplete. Expected "
            f"{PREFIX}NAME/SPLIT. Received: {spec!r}"
        )
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            "TensorFlow Datasets has no such data set. Expected a name it lists, "
            f"or one prepared in its data folder. Received: {name!r} in {spec!r}"
        ) from error
    if not builder.info.splits:
        raise FileNotFoundError(
            f"Data set {name!r} has not been prepared. Expected its files in "
            f"{builder.data_dir}; tfds.builder({name!r}).download_and_prepare() makes "
            f"them, and the variable TFDS_DATA_DIR tells the folder. Received: {spec!r}"
        )
    try:
        total = builder.info.splits[split].num_examples
        if val_fraction:
            held_out = max(1, round(val_fraction * total))
            # Read as absolute numbers of the whole split, in TFDS' own way.
            whole = builder.info.splits[split].file_instructions
            parts = _cut(whole, total - held_out)
            instructions = parts[0] if subset == "train" else parts[1]
        else:
            instructions = builder.info.splits[split].file_instructions
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"Data set {name!r} has no such split. Expected one of "
            f"{sorted(builder.info.splits)} or a slice of it. Received: {split!r}"
        ) from error
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise ValueError(
            f"Data set {name!r} is stored in a format that can't be streamed. "
            f"Expected TFRecord. Received: {builder.info.file_format.value}"
        )
    if not sum(taken for _, _, taken in _plain(instructions)):
        raise ValueError(
            "A source holds no images. Expected at least one example on each side "
            f"of the held-out split. Received: {spec!r} with {total} examples"
        )
    return ShardImages(spec, _plain(instructions), _image_reader(builder, spec))


def _plain(instructions):
    """Returns (file, skip, take) triples of TFDS' file instructions."""
    triples = []
    for item in instructions:
        if isinstance(item, tuple):
            triples.append(item)
        else:
            take = item.examples_in_shard if item.take < 0 else item.take
            take = min(take, item.examples_in_shard - item.skip)
            triples.append((str(item.filename), int(item.skip), int(take)))
    return triples


def _cut(instructions, count):
    """Splits file instructions behind the first `count` examples."""
    head, tail = [], []
    for name, skip, take in _plain(instructions):
        first = min(max(count, 0), take)
        if first:
            head.append((name, skip, first))
        if take > first:
            tail.append((name, skip + first, take - first))
        count -= take
    return head, tail


def _image_reader(builder, spec):
    """Returns a function from a serialized example to its encoded image."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    keys = [key for key, f in features.items() if isinstance(f, tfds.features.Image)]
    # Segmentation masks are images too, of one channel.
    keys.sort(key=lambda key: (features[key].shape[-1] == 1, key != "image", key))
    if not keys:
        raise ValueError(
            "A data set of TensorFlow Datasets has no image. Expected a feature of "
            f"type Image. Received: {spec!r} with features {sorted(features)}"
        )
    wanted = {keys[0]: tfds.decode.SkipDecoding()}
    partial = tfds.decode.PartialDecoding({keys[0]: True}, decoders=wanted)
    kept = partial.extract_features(features)

    def read(serialized):
        return kept.deserialize_example(serialized, decoders=wanted)[keys[0]]

    return read


class ShardImages:
    """Images inside TFRecord shards, with the interface of `FileImages`.

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

    def name(self, index):
        """Returns the specification and the number of an image."""
        return f"{self._spec}#{index}"

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

    def read(self, index, content):
        """Returns the encoded image of an element; see `FileImages`."""
        del index
        return content

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
