"""EXIF orientation of JPEG files: cameras store turned images and a note."""

import struct

import tensorflow as tf

# EXIF stands at the beginning of a file; the orientation is among its first
# entries.
_HEAD = 4096

# The entry: tag 0x0112, type 3 (short), count 1, value; in either byte order.
# `\C` is any byte.
_TURNED = (
    r"\C*(?:\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]\x00"
    r"|\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08])\C*"
)

_TAG = 0x0112


def may_be_turned(encoded):
    """Tells whether a JPEG may have to be turned; never False when it has.

    One cheap op, so that upright files with EXIF data stay on the fast path.

    Args:
        encoded: `[]`, string.

    Returns:
        `[]`, bool.
    """
    return tf.strings.regex_full_match(tf.strings.substr(encoded, 0, _HEAD), _TURNED)


def upright(image, encoded):
    """Turns a decoded JPEG as its EXIF data says.

    Args:
        image: `[H, W, C]`, as stored.
        encoded: `[]`, string, the file's content.

    Returns:
        `[H, W, C]` or `[W, H, C]`.
    """
    head = tf.strings.substr(encoded, 0, 2**16)
    value = tf.numpy_function(read_orientation, [head], tf.int64, stateful=False)
    value = tf.ensure_shape(value, [])
    # Orientations 5 to 8 have rows and columns exchanged; then flips follow.
    image = tf.cond(value >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    down = (value == 3) | (value == 4) | (value == 7) | (value == 8)
    right = (value == 2) | (value == 3) | (value == 6) | (value == 7)
    image = tf.cond(down, lambda: tf.reverse(image, [0]), lambda: image)
    return tf.cond(right, lambda: tf.reverse(image, [1]), lambda: image)


def read_orientation(head):
    """Reads the orientation from the beginning of a JPEG file.

    Args:
        head: The first bytes of the file.

    Returns:
        Integer of 1 (upright, also if nothing is said) to 8.
    """
    position = 2
    try:
        while position < len(head):
            marker, length = struct.unpack_from(">HH", head, position)
            if marker == 0xFFE1 and head[position + 4 : position + 10] == b"Exif\0\0":
                return _orientation_of(head[position + 10 : position + 2 + length])
            if not 0xFFE0 <= marker <= 0xFFEF and marker != 0xFFFE:
                return 1
            position += 2 + length
    except struct.error:
        # Cut off or damaged EXIF data says nothing; the pixels may be whole.
        pass
    return 1


def _orientation_of(tiff):
    """Reads the orientation from EXIF data, which are a small TIFF file."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(count):
        place = directory + 2 + 12 * entry
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, place)
        if tag == _TAG and kind == 3 and 1 <= value <= 8:
            return value
    return 1
