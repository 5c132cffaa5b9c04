"""Decoding of encoded images within a model server.

Stock TensorFlow ops alone, none of them Python's. JPEG and PNG are read as
`data.load_image` reads them: gray is repeated, 16 bits are rounded to 8,
transparent pixels lie on white, EXIF orientation is applied.
"""

import tensorflow as tf

from selfsup.data import decoding, reading
from selfsup.data.orientation import turned
from selfsup.export import orientation

KINDS = "JPEG or PNG"

# The header must come first: the size is read from its place.
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


# Traced once for each limit.
@tf.function(autograph=False)
def decode(encoded, max_pixels):
    """Decodes an image; runs in graphs.

    Nothing is allocated before the size that the file claims has been checked.

    Args:
        encoded: `[]`, string, the content of a JPEG or PNG file.
        max_pixels: Largest number of pixels.

    Returns:
        `[H, W, 3]`, uint8 RGB, upright.

    Raises:
        tf.errors.InvalidArgumentError: If it is no such image, larger, cut off
            or damaged.
    """
    is_jpeg = decoding.is_jpeg(encoded)
    is_png = reading.slice_of(encoded, 0, len(_PNG)) == _PNG
    message = f"The image is of no known kind. Expected {KINDS}. Received bytes:"
    known = tf.debugging.Assert(is_jpeg | is_png, [message, tf.strings.length(encoded)])
    with tf.control_dependencies([known]):
        is_jpeg = tf.identity(is_jpeg)
    image = tf.cond(
        is_jpeg, lambda: _jpeg(encoded, max_pixels), lambda: _png(encoded, max_pixels)
    )
    return tf.ensure_shape(image, [None, None, 3])


def _jpeg(encoded, max_pixels):
    image = decoding.decode_jpeg(encoded, max_pixels)
    return turned(image, orientation.jpeg_orientation(encoded))


def _png(encoded, max_pixels):
    height, width = (reading.unsigned(encoded, place, 4) for place in (20, 16))
    with tf.control_dependencies([decoding.check_size(height, width, max_pixels)]):
        encoded = tf.identity(encoded)
    # Of few bits, the op makes opaque pixels nearly transparent, unless others are.
    opaque = reading.png_chunk(encoded, b"tRNS", last=b"IDAT") == b""
    image = tf.cond(
        opaque & (reading.unsigned(encoded, 24, 1) < 8),
        lambda: tf.io.decode_png(encoded, channels=3),
        lambda: decoding.decode_png(encoded, max_pixels),
    )
    return turned(image, orientation.png_orientation(encoded))
