"""The EXIF orientation of JPEG and PNG, read with TensorFlow ops alone.

The same answers as `data.headers.orientation`, which is Python.
"""

import tensorflow as tf

from selfsup.data import orientation, reading

_EXIF = b"Exif\0\0"
_TAG, _SHORT = 0x0112, 3

# Marks of a JPEG's parts that may stand before its EXIF data: application data
# and comments.
_FIRST_APPLICATION, _LAST_APPLICATION, _COMMENT = 0xFFE0, 0xFFEF, 0xFFFE
_EXIF_APPLICATION = 0xFFE1


def jpeg_orientation(encoded):
    """Reads the orientation of a JPEG.

    Args:
        encoded: `[]`, string.

    Returns:
        `[]`, int64, 1 (upright, also if nothing is said) to 8.
    """
    return tf.cond(
        orientation.may_be_turned(encoded),
        lambda: _of_exif(_jpeg_exif(encoded)),
        lambda: tf.constant(1, tf.int64),
    )


def png_orientation(encoded):
    """Reads the orientation of a PNG; see `jpeg_orientation`."""
    return _of_exif(reading.png_chunk(encoded, b"eXIf", last=b"IEND"))


def _jpeg_exif(encoded):
    """Returns the EXIF data, empty if there are none."""

    def look(position, _, __):
        marker = reading.unsigned(encoded, position, 2)
        size = reading.unsigned(encoded, position + 2, 2)
        found = (marker == _EXIF_APPLICATION) & (size >= 2 + len(_EXIF))
        found &= reading.slice_of(encoded, position + 4, len(_EXIF)) == _EXIF
        skipped = (marker >= _FIRST_APPLICATION) & (marker <= _LAST_APPLICATION)
        goes_on = ~found & (skipped | (marker == _COMMENT)) & (size >= 0)
        # The size counts its own two bytes.
        following = tf.where(found, position + 4, position + 2 + size)
        return following, tf.where(found, size - 2, 0), goes_on

    position, size, _ = reading.walk(2, look)
    return reading.slice_of(encoded, position, size)


def _of_exif(exif):
    """Reads the orientation from EXIF data, which are a small TIFF file."""
    prefixed = reading.slice_of(exif, 0, len(_EXIF)) == _EXIF
    start = tf.where(prefixed, tf.constant(len(_EXIF), tf.int64), 0)
    tiff = reading.slice_of(exif, start, reading.length(exif))
    order = reading.slice_of(tiff, 0, 2)
    little = order == b"II"
    directory = reading.unsigned(tiff, 4, 4, little)
    count = reading.unsigned(tiff, directory, 2, little)
    # Twelve bytes each, of which the last two do not matter here.
    first = directory + 2
    there = (reading.length(tiff) - first + 2) // 12
    size = 12 * tf.maximum(tf.minimum(count, there), 0)
    entries = tf.strings.join([reading.slice_of(tiff, first, size), b"\0\0"])
    entries = reading.numbers(reading.slice_of(entries, 0, size), 2, little)
    tag, kind, _, _, value, _ = tf.unstack(tf.reshape(entries, [-1, 6]), axis=1)
    says = (tag == _TAG) & (kind == _SHORT) & (value >= 1) & (value <= 8)
    value = tf.concat([tf.boolean_mask(value, says), [1]], axis=0)[0]
    known = little | (order == b"MM")
    return tf.where(known & (directory >= 0) & (count >= 0), value, 1)
