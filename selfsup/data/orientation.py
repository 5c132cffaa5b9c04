"""EXIF orientation: cameras store turned images and a note.

OpenCV applies the note of TIFF files by itself; here are those of JPEG, PNG and
WebP.
"""

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

_EXIF = b"Exif\0\0"


def may_be_turned(encoded):
    """Tells whether a JPEG may have to be turned; never False when it has.

    One cheap op, so that upright files with EXIF data stay on the fast path.

    Args:
        encoded: `[]`, string.

    Returns:
        `[]`, bool.
    """
    return tf.strings.regex_full_match(tf.strings.substr(encoded, 0, _HEAD), _TURNED)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None, 3], tf.uint8),
        tf.TensorSpec([], tf.string),
    ],
    autograph=False,
)
def upright(image, encoded):
    """Turns a decoded image as its EXIF data says.

    Args:
        image: `[H, W, 3]`, uint8, as stored.
        encoded: `[]`, string, the file's content.

    Returns:
        `[H, W, 3]` or `[W, H, 3]`.
    """
    value = tf.numpy_function(read_orientation, [encoded], tf.int64, stateful=False)
    return turned(image, tf.ensure_shape(value, []))


def turned(image, value):
    """Turns an image by an orientation; runs in graphs.

    Args:
        image: `[H, W, 3]`, uint8, as stored.
        value: `[]`, int64, 1 to 8.

    Returns:
        `[H, W, 3]` or `[W, H, 3]`.
    """
    # Orientations 5 to 8 have rows and columns exchanged; then flips follow.
    image = tf.cond(value >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    down = (value == 3) | (value == 4) | (value == 7) | (value == 8)
    right = (value == 2) | (value == 3) | (value == 6) | (value == 7)
    image = tf.cond(down, lambda: tf.reverse(image, [0]), lambda: image)
    return tf.cond(right, lambda: tf.reverse(image, [1]), lambda: image)


def read_orientation(encoded):
    """Reads the orientation of a JPEG, PNG or WebP file.

    Args:
        encoded: Content of the file.

    Returns:
        Integer of 1 (upright, also if nothing is said) to 8.
    """
    try:
        if encoded[:3] == b"\xff\xd8\xff":
            exif = _jpeg_exif(encoded)
        elif encoded[:4] == b"\x89PNG":
            exif = _png_exif(encoded)
        elif encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
            exif = _webp_exif(encoded)
        else:
            return 1
        return _orientation_of(exif.removeprefix(_EXIF))
    except struct.error:
        # Cut off or damaged EXIF data says nothing; the pixels may be whole.
        return 1


def _jpeg_exif(encoded):
    """Returns the EXIF data of a JPEG, empty if there are none."""
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", encoded, position)
        content = encoded[position + 4 : position + 2 + length]
        if marker == 0xFFE1 and content.startswith(_EXIF):
            return content
        if not 0xFFE0 <= marker <= 0xFFEF and marker != 0xFFFE:
            return b""
        position += 2 + length


def _png_exif(encoded):
    """Returns the EXIF data of a PNG."""
    position, name = 8, None
    while name != b"eXIf":
        length, name = struct.unpack_from(">I4s", encoded, position)
        content = encoded[position + 8 : position + 8 + length]
        position += 12 + length  # A checksum follows.
    return content


def _webp_exif(encoded):
    """Returns the EXIF data of a WebP file."""
    position, name = 12, None
    while name != b"EXIF":
        name, length = struct.unpack_from("<4sI", encoded, position)
        content = encoded[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
    return content


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
