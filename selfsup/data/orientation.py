"""EXIF orientation: cameras store turned images and a note.

OpenCV applies the note of TIFF files by itself; those of JPEG, PNG, WebP and
AVIF are applied here.
"""

import tensorflow as tf

from selfsup.data import headers

# EXIF stands at the beginning of a file; the orientation is among its first
# entries.
_HEAD = 4096

# The entry: tag 0x0112, type 3 (short), count 1, value; in either byte order.
# `\C` is any byte.
_TURNED = (
    r"\C*(?:\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]\x00"
    r"|\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08])\C*"
)


def may_be_turned(encoded):
    """Returns whether a JPEG may have to be turned; never False when it has.

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
    value = tf.numpy_function(headers.orientation, [encoded], tf.int64, stateful=False)
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
