"""Decoding of BMP, with TensorFlow ops alone.

TensorFlow's own op takes palette indices for gray values.
"""

import tensorflow as tf

from selfsup.data.decoding import on_white
from selfsup.export import reading

# Both headers from byte 2 on are integers of four bytes, the file's offset to the
# rows being the third; two of two bytes, planes and bits, share one of them.
_INTEGERS = 17
_ROWS, _SIZE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _USED = 2, 3, 4, 5, 6, 7, 11
_MASKS, _ALPHA_MASK = slice(13, 16), 16

_FILE_HEADER = 14
_HEADER, _HEADER_WITH_ALPHA = 40, 56
_PLAIN, _MASKED = 0, 3

# Where masked pixels of four bytes hold red, green, blue and transparency; other
# places of the colours are refused.
_RED_GREEN_BLUE = (0x00FF0000, 0x0000FF00, 0x000000FF)
_ALPHA = -0x01000000


def size(encoded):
    """Reads the size that the header claims.

    Args:
        encoded: `[]`, string.

    Returns:
        A pair of `[]`, int64: height and width, 0 where the header is cut off.
    """
    header = _header(encoded)
    # Rows of a negative height run from top to bottom.
    return tf.abs(header[_HEIGHT]), header[_WIDTH]


def decode(encoded):
    """Decodes a BMP of 1, 4, 8, 24 or 32 bits, not compressed.

    Args:
        encoded: `[]`, string, whose claimed size has been checked.

    Returns:
        `[H, W, 3]`, uint8 RGB; transparent pixels lie on white.

    Raises:
        tf.errors.InvalidArgumentError: If it is of another kind, or cut off.
    """
    header = _header(encoded)
    height, width = tf.abs(header[_HEIGHT]), header[_WIDTH]
    bits = header[_BITS] // 2**16
    # Rows are filled up to multiples of four bytes.
    stride = (width * bits + 31) // 32 * 4
    length = stride * height
    whole = (header[_ROWS] >= 0) & (header[_ROWS] + length <= reading.length(encoded))
    checks = [
        _check(_is_known(header, bits), "1, 4, 8, 24 or 32 bits, plain"),
        _check(whole, "all of its rows"),
    ]
    with tf.control_dependencies(checks):
        rows = reading.slice_of(encoded, header[_ROWS], length)
    rows = tf.reshape(tf.io.decode_raw(rows, tf.uint8), tf.stack([height, stride]))
    image = tf.cond(
        bits >= 24,
        lambda: _colors(rows, width, bits // 8, header),
        lambda: _looked_up(rows, width, bits, _palette(encoded, header, bits)),
    )
    upwards = header[_HEIGHT] > 0
    return tf.cond(upwards, lambda: tf.reverse(image, [0]), lambda: image)


def _header(encoded):
    """Returns the integers of the headers, `[17]`, int64."""
    length = 4 * _INTEGERS
    part = tf.strings.join([reading.slice_of(encoded, 2, length), b"\0" * length])
    part = tf.strings.substr(part, 0, length)
    return tf.cast(tf.io.decode_raw(part, tf.int32), tf.int64)


def _is_known(header, bits):
    usual = tf.reduce_all(header[_MASKS] == tf.constant(_RED_GREEN_BLUE, tf.int64))
    masked = (header[_COMPRESSION] == _MASKED) & (bits == 32) & usual
    known = tf.reduce_any(bits == tf.constant([1, 4, 8, 24, 32], tf.int64))
    return (
        known & (header[_SIZE] >= _HEADER) & (masked | (header[_COMPRESSION] == _PLAIN))
    )


def _colors(rows, width, channels, header):
    shape = tf.stack([tf.shape(rows, tf.int64)[0], width, channels])
    pixels = tf.reshape(rows[:, : width * channels], shape)
    # Blue comes first.
    color = pixels[..., 2::-1]
    has_alpha = header[_SIZE] >= _HEADER_WITH_ALPHA
    return tf.cond(
        (channels == 4) & has_alpha & (header[_ALPHA_MASK] == _ALPHA),
        lambda: on_white(tf.concat([color, pixels[..., 3:]], axis=-1)),
        lambda: color,
    )


def _palette(encoded, header, bits):
    """Returns the palette, `[256, 3]`, uint8 RGB."""
    used, colors = header[_USED], reading.power_of_two(bits)
    count = tf.where((used > 0) & (used <= colors), used, colors)
    palette = reading.slice_of(encoded, _FILE_HEADER + header[_SIZE], 4 * count)
    # Indices beyond the palette are black.
    palette = tf.strings.substr(tf.strings.join([palette, b"\0" * 1024]), 0, 1024)
    return tf.reshape(tf.io.decode_raw(palette, tf.uint8), [256, 4])[:, 2::-1]


def _looked_up(rows, width, bits, palette):
    # The highest bits are the leftmost pixel.
    places = tf.range(8 // tf.maximum(bits, 1) - 1, -1, -1, tf.int64)
    values = tf.bitwise.right_shift(rows[..., None], tf.cast(bits * places, tf.uint8))
    mask = tf.cast(reading.power_of_two(bits) - 1, tf.uint8)
    values = tf.bitwise.bitwise_and(values, mask)
    shape = tf.stack([tf.shape(rows, tf.int64)[0], -1])
    indices = tf.cast(tf.reshape(values, shape)[:, :width], tf.int32)
    return tf.gather(palette, indices)


def _check(condition, expected):
    message = f"The BMP is of another kind or cut off. Expected {expected}."
    return tf.debugging.Assert(condition, [message])
