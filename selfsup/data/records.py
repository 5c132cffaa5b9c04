"""Images inside TFRecord files, found by their places as files are by their paths.

A record's source is the path of its file and the position inside of it, so that a
collection of records is a `FileImages`, read in any order. TFRecord rather than
ArrayRecord: TensorFlow reads it inside of a graph, where no Python runs, and other
programs write and read it. What it lacks is an index of positions; ours stands in a
file beside each shard, and one is made for the files of others.

    DIR/manifest.json                           version, shards, their sizes and hashes
    DIR/photographs-00000-of-00064.tfrecord     records: `tf.train.Example`
    DIR/photographs-00000-of-00064.index.npz    positions, names and classes
"""

import os
import struct

import numpy as np
import tensorflow as tf

from selfsup import paths

# Features of an `Example` under which encoded images are kept, ours first.
_IMAGES = ("image", "image/encoded", "image_raw", "jpeg", "jpg", "png")

# Between the parts of a source: no path holds it.
_SEPARATOR = "\0"

# So many digits of the position end a source, for graphs to cut it without a search.
_DIGITS = 20

# Length of the data and a checksum before them, a checksum of them behind.
_LENGTH = struct.Struct("<Q")
_BEFORE, _BEHIND = 12, 4


def source(path, position):
    """Returns the source of a record.

    Args:
        path: Path of the file.
        position: Position of the record in it, in bytes.
    """
    return f"{path}{_SEPARATOR}{position:0{_DIGITS}}"


def is_record(source):
    """Returns whether a source is a record, not a file."""
    return _SEPARATOR in source


def may_be_record(source):
    """Returns the same for a tensor, `[]`, string; runs in graphs."""
    return tf.size(tf.strings.split(source, _SEPARATOR)) > 1


def file_of(source):
    """Returns the path of the file that a source is, or is in."""
    return source.partition(_SEPARATOR)[0]


def places(sources):
    """Returns what is the same for all spellings of a source's path.

    Args:
        sources: Paths of files, or sources of records.

    Returns:
        A list of strings.
    """
    files = [file_of(source) for source in sources]
    different = list(dict.fromkeys(files))
    found = dict(zip(different, paths.file_places(different), strict=True))
    if all(file == place for file, place in found.items()):
        return list(sources)
    return [
        found[file] + source[len(file) :]
        for file, source in zip(files, sources, strict=True)
    ]


def shown(source):
    """Returns what errors call a source."""
    path, _, position = source.partition(_SEPARATOR)
    return f"{path}, byte {int(position)}" if position else path


def is_there(source):
    """Returns whether a file is there, and a record whole by its length.

    Args:
        source: Path of a file, or source of a record.
    """
    path, _, position = source.partition(_SEPARATOR)
    if not position:
        return os.path.exists(path)
    try:
        with open(path, "rb", buffering=0) as file:
            return _end(file, int(position)) <= os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return False


def read(source):
    """Reads the encoded image of a record; runs in graphs.

    Args:
        source: `[]`, string, as of `source`.

    Returns:
        `[]`, string.

    Raises:
        tf.errors.OpError: If there is no such file or record, or it is damaged.
    """
    path = tf.strings.substr(source, 0, tf.strings.length(source) - _DIGITS - 1)
    position = tf.strings.substr(source, -_DIGITS, _DIGITS)
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=[path],
        compression_type="",
        # Of a larger buffer most would be read in vain.
        buffer_size=tf.constant(0, tf.int64),
        byte_offsets=tf.strings.to_number([position], tf.int64),
    )
    records = tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string))
    return _image(records.take(1).get_single_element())


def is_intact(source):
    """Returns whether the checksums of a record are right.

    Args:
        source: As of `source`.
    """
    try:
        read(source)
    except tf.errors.DataLossError:
        return False
    return True


def check_image(source):
    """Refuses a record without an encoded image.

    Args:
        source: As of `source`.

    Raises:
        ValueError: If it is damaged, no `Example`, or has no feature of a known name.
    """
    try:
        found = read(source).numpy()
    # TensorFlow puts the bytes of what is no `Example` into a message, as text.
    except (tf.errors.OpError, UnicodeDecodeError):
        found = b""
    if not found:
        raise ValueError(
            "A record holds no image. Expected a tf.train.Example with an encoded "
            f"image as {', '.join(_IMAGES)}. Received: {shown(source)}"
        )


def _image(record):
    """Returns the encoded image of a serialized `Example`."""
    ours = _features(record, _IMAGES[:1])[0]

    def first_of_others():
        found = _features(record, _IMAGES[1:])
        return tf.gather(found, tf.argmax(tf.not_equal(found, "")))

    # Each name that is looked for takes time; those of others seldom are.
    return tf.cond(ours == "", first_of_others, lambda: ours)


def _features(record, names):
    """Returns features of a serialized `Example`, `[N]`; empty where there is none."""
    missing = tf.io.FixedLenFeature([], tf.string, "")
    found = tf.io.parse_single_example(record, dict.fromkeys(names, missing))
    return tf.stack([found[name] for name in names])


def positions(path):
    """Finds the records of a file, by their lengths alone.

    Args:
        path: Path of a TFRecord file.

    Returns:
        `[N]`, int64, their positions in bytes.

    Raises:
        ValueError: If the file is cut in the middle, or is no TFRecord file.
    """
    size, position, found = os.path.getsize(path), 0, []
    with open(path, "rb", buffering=0) as file:
        while position < size:
            found.append(position)
            position = _end(file, position)
    if position != size:
        raise ValueError(
            "A file of records is damaged. Expected whole records, not compressed. "
            f"Received: {path}, {size} bytes, which end within record {len(found)}"
        )
    return np.array(found, np.int64)


def _end(file, position):
    """Returns where the record at a position ends by its length."""
    head = os.pread(file.fileno(), _LENGTH.size, position)
    # A cut one has no end within any file.
    (length,) = _LENGTH.unpack(head.ljust(_LENGTH.size, b"\xff"))
    return position + _BEFORE + length + _BEHIND
