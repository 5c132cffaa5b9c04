"""Decoding of encoded images within a model server.

Stock TensorFlow ops alone, none of them Python's. What it reads it reads as
`data.load_image` does: gray is repeated, 16 bits are rounded to 8, transparent
pixels lie on white, the first frame counts, EXIF orientation is applied.
"""

import functools

import tensorflow as tf

from selfsup.data import decoding
from selfsup.data.orientation import turned
from selfsup.export import animations, bitmaps, orientation, reading

KINDS = "JPEG, PNG, GIF or BMP"

_JPEG, _PNG, _GIF, _BMP = range(4)

_MAX_SCANS = 100


def decode(encoded, max_pixels):
    """Decodes an image; runs in graphs.

    Nothing is allocated before the size that the file claims has been checked.

    Args:
        encoded: `[]`, string, the content of a JPEG, PNG, GIF or BMP file.
        max_pixels: Greatest number of pixels.

    Returns:
        `[H, W, 3]`, uint8 RGB, upright.

    Raises:
        tf.errors.InvalidArgumentError: If it is no such image, larger, cut off
            or damaged.
    """

    def head_at(first, size):
        return reading.slice_of(encoded, first, size)

    kinds = [
        decoding.is_jpeg(encoded),
        # The header must come first: the size is read from its place.
        (head_at(0, 8) == b"\x89PNG\r\n\x1a\n") & (head_at(12, 4) == b"IHDR"),
        head_at(0, 4) == b"GIF8",
        head_at(0, 2) == b"BM",
    ]
    known = tf.debugging.Assert(
        tf.reduce_any(kinds),
        [f"The image is of no known kind. Expected {KINDS}. Received bytes:"]
        + [tf.strings.length(encoded)],
    )
    with tf.control_dependencies([known]):
        kind = tf.argmax(tf.stack(kinds), output_type=tf.int32)
    branches = [_jpeg, _png, _gif, _bmp]
    image = tf.switch_case(kind, [lambda f=f: f(encoded, max_pixels) for f in branches])
    return tf.ensure_shape(image, [None, None, 3])


@functools.cache
def decoder(max_pixels):
    """Returns `decode` as a `tf.function` of encoded images, traced once."""
    signature = [tf.TensorSpec([], tf.string)]

    @tf.function(input_signature=signature, autograph=False)
    def decode_within(encoded):
        return decode(encoded, max_pixels)

    return decode_within


def _jpeg(encoded, max_pixels):
    shape = tf.io.extract_jpeg_shape(encoded)
    size = decoding.check_size(shape[0], shape[1], max_pixels)
    with tf.control_dependencies([size, _few_scans(encoded)]):
        encoded = tf.identity(encoded)
    end = reading.slice_of(encoded, reading.length(encoded) - 2, 2)
    # A file without the mark of its end is read if it lacks nothing else.
    whole = tf.cond(
        end == b"\xff\xd9",
        lambda: encoded,
        lambda: decoding.with_end_mark(encoded),
    )
    image = decoding.decode_jpeg(whole, max_pixels)
    return turned(image, orientation.jpeg_orientation(encoded))


def _few_scans(encoded):
    """Refuses a JPEG whose pixels would be gone over again and again.

    Progressive ones have about ten scans; a small file can hold thousands.
    """
    values = tf.io.decode_raw(encoded, tf.uint8)
    begins = (values[:-1] == 0xFF) & (values[1:] == 0xDA)
    scans = tf.reduce_sum(tf.cast(begins, tf.int32))
    message = f"The image has over {_MAX_SCANS} scans:"
    return tf.debugging.Assert(scans <= _MAX_SCANS, [message, scans])


def _png(encoded, max_pixels):
    depth = reading.unsigned(encoded, 24, 1)
    image = tf.cond(
        depth < 8,
        lambda: _shallow_png(encoded, max_pixels),
        lambda: decoding.decode_png(encoded, max_pixels),
    )
    return turned(image, orientation.png_orientation(encoded))


def _shallow_png(encoded, max_pixels):
    height, width = (reading.unsigned(encoded, place, 4) for place in (20, 16))
    with tf.control_dependencies([decoding.check_size(height, width, max_pixels)]):
        encoded = tf.identity(encoded)
    # The op makes opaque pixels nearly transparent, unless others are.
    return tf.cond(
        reading.png_chunk(encoded, b"tRNS", last=b"IDAT") == b"",
        lambda: tf.io.decode_png(encoded, channels=3),
        lambda: decoding.on_white(tf.io.decode_png(encoded, channels=4)),
    )


def _gif(encoded, max_pixels):
    single, height, width = animations.first_frame(encoded)
    whole = tf.debugging.Assert(single != b"", ["The GIF is cut off."])
    checks = [whole, decoding.check_size(height, width, max_pixels)]
    with tf.control_dependencies(checks):
        return decoding.decode_gif(tf.identity(single), max_pixels)


def _bmp(encoded, max_pixels):
    height, width = bitmaps.size(encoded)
    with tf.control_dependencies([decoding.check_size(height, width, max_pixels)]):
        return bitmaps.decode(tf.identity(encoded))
