"""Decoding of whole images of every kind, the same for training and reading.

JPEG, PNG and GIF are decoded by TensorFlow, AVIF, JPEG 2000 and PNM as text by Pillow,
the rest by OpenCV.
All become RGB of 8 bits: gray is repeated, 16 bits are rounded to 8, transparent
pixels lie on white, the first frame of an animation counts, and the EXIF orientation
of JPEG, PNG, WebP, AVIF and TIFF is applied. White of float pixels is 1, or 255 or
65535 where they go so far; other ranges are refused. Not done: OpenCV drops the alpha
of TIFF with one color channel and of BMP, and color profiles are ignored.

A JPEG without the mark of its end is refused, as TensorFlow and Pillow do by
default, and what follows the mark is ignored. Without the mark nothing says
whether rows are missing too; TensorFlow's `try_recover_truncated` paints missing
rows gray, and its `acceptable_fraction` counts them as read.
"""

import os

import cv2
import numpy as np
import tensorflow as tf

from selfsup.data import headers, orientation, scans, strips

MAX_PIXELS = headers.MAX_PIXELS

# Costs little, and equals OpenCV's; the default is off by up to ten levels, which
# would be chroma.
DCT_METHOD = "INTEGER_ACCURATE"

_OPENCV_FLAGS = cv2.IMREAD_UNCHANGED

# Values of white in float images: their own, and those of bytes and words.
_WHITES = (1.0, 255.0, 65535.0)

# Sharpening and scaling go beyond black and white by so much of the range.
OVERSHOOT = 0.1

# A brightest pixel below this share of the range says nothing about the range.
_TOO_DARK = 1 / 16


def load_image(path):
    """Reads an image file of any supported kind.

    Args:
        path: Path of the file.

    Returns:
        `[H, W, 3]`, uint8 RGB, upright.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file can't be decoded.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"An image is missing. Expected an image file. Received: {path!r}"
        )
    with open(path, "rb") as file:
        return decode_bytes(file.read(), path)


def decode_bytes(encoded, name):
    """Decodes an image outside of a graph.

    Args:
        encoded: The file's content, bytes.
        name: What the error calls it.

    Returns:
        `[H, W, 3]`, uint8 RGB, upright.

    Raises:
        ValueError: If the content can't be decoded.
    """
    with tf.device("CPU"):
        try:
            return decode(encoded).numpy()
        except tf.errors.OpError as error:
            raise ValueError(
                "An image can't be decoded. Expected a readable image of at most "
                f"{MAX_PIXELS} pixels. Received: {os.fsdecode(name)!r}: "
                f"{reason(error)}"
            ) from error


def reason(error):
    """Returns what a `tf.errors.OpError` says, without its account of where."""
    lines = [line for line in error.message.split("\n") if line[:1].strip()]
    return lines[-1].removeprefix("ValueError: ")[:200]


def is_jpeg(encoded):
    """Returns whether an encoded image is JPEG by its first bytes."""
    return tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"


# Traced once: many streams call it.
@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(encoded):
    """Decodes a whole image; runs in graphs.

    Args:
        encoded: `[]`, string, the content of an image file.

    Returns:
        `[H, W, 3]`, uint8 RGB, upright.

    Raises:
        tf.errors.OpError: If the content can't be decoded.
    """
    head = tf.strings.substr(encoded, 0, 8)
    depth_at = tf.minimum(24, tf.strings.length(encoded))
    depth = tf.strings.substr(encoded, depth_at, 1)
    # Opaque pixels of PNG files of fewer bits come out as transparent ones.
    is_png = (head == b"\x89PNG\r\n\x1a\n") & ((depth == b"\x08") | (depth == b"\x10"))
    is_gif = tf.strings.substr(head, 0, 4) == b"GIF8"
    kind = tf.where(is_jpeg(encoded), 0, tf.where(is_png, 1, tf.where(is_gif, 2, 3)))
    branches = [decode_jpeg, decode_png, decode_gif, _decode_other]
    image = tf.switch_case(kind, [lambda f=f: f(encoded) for f in branches])
    turned = (kind > 0) | orientation.may_be_turned(encoded)
    image = tf.cond(turned, lambda: orientation.upright(image, encoded), lambda: image)
    return tf.ensure_shape(image, [None, None, 3])


def check_size(height, width, limit=MAX_PIXELS):
    """Returns an op that fails if an image of this size must not be decoded."""
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    message = f"The header claims an empty image or one of over {limit} pixels."
    return tf.debugging.Assert((pixels > 0) & (pixels <= limit), [message, pixels])


def decode_jpeg(encoded, limit=MAX_PIXELS):
    """Decodes a JPEG as it is stored, `[H, W, 3]`, uint8 RGB; runs in graphs."""
    shape = tf.io.extract_jpeg_shape(encoded)
    checks = [check_size(shape[0], shape[1], limit)]
    with tf.control_dependencies(checks):
        few = scans.are_few(encoded)
    with tf.control_dependencies(
        [tf.cond(few, tf.no_op, lambda: scans.check(encoded))]
    ):
        return tf.io.decode_jpeg(encoded, channels=3, dct_method=DCT_METHOD)


def decode_png(encoded, limit=MAX_PIXELS):
    """Decodes a PNG of 8 or 16 bits as `decode_jpeg` does; runs in graphs."""
    # Signature, then the header chunk: width, height, bits a channel.
    header = tf.strings.substr(encoded, 16, 8)
    size = tf.io.decode_raw(header, tf.int32, little_endian=False)
    with tf.control_dependencies([check_size(size[1], size[0], limit)]):
        encoded = tf.identity(encoded)

    def deep():
        image = tf.io.decode_png(encoded, channels=4, dtype=tf.uint16)
        return strips.mapped(lambda rows: on_white(_to_8_bits(rows)), image)

    def plain():
        return on_white(tf.io.decode_png(encoded, channels=4))

    return tf.cond(tf.strings.substr(encoded, 24, 1) == b"\x10", deep, plain)


def _to_8_bits(image):
    return tf.cast(tf.round(tf.cast(image, tf.float32) / 257.0), tf.uint8)


def on_white(rgba):
    """Lays an image with transparency on white.

    Args:
        rgba: `[H, W, 4]`, uint8.

    Returns:
        `[H, W, 3]`, uint8.
    """

    def blend(rows):
        values = tf.cast(rows, tf.float32)
        alpha = values[..., 3:] / 255.0
        blended = values[..., :3] * alpha + 255.0 * (1.0 - alpha)
        return tf.cast(tf.round(blended), tf.uint8)

    opaque = tf.reduce_all(rgba[..., 3] == 255)
    return tf.cond(opaque, lambda: rgba[..., :3], lambda: strips.mapped(blend, rgba))


def decode_gif(encoded, limit=MAX_PIXELS):
    """Decodes the first frame of a GIF, `[H, W, 3]`, uint8 RGB; runs in graphs."""
    size = tf.io.decode_raw(tf.strings.substr(encoded, 6, 4), tf.uint16)
    with tf.control_dependencies([check_size(size[1], size[0], limit)]):
        # A GIF's frames all have its size; this op decodes the first only.
        return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def _decode_other(encoded):
    image = tf.numpy_function(_decode_in_python, [encoded], tf.uint8, stateful=False)
    return tf.ensure_shape(image, [None, None, 3])


def _decode_in_python(encoded):
    """Decodes TIFF, WebP, BMP and what else is known to `[H, W, 3]` uint8."""
    if headers.is_apple_png(encoded):
        raise ValueError(
            "The file is a PNG as Apple changes it for its devices (CgBI). Expected "
            "a plain PNG"
        )
    headers.claimed_size(encoded)  # OpenCV allocates before it reads.
    if headers.is_for_pillow(encoded):
        return to_rgb8(headers.scaled_pixels(encoded))
    return _decode_with_opencv(encoded)


def _decode_with_opencv(encoded):
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), _OPENCV_FLAGS)
    except cv2.error as error:
        raise ValueError(f"OpenCV can't decode the file: {error.err}") from error
    if image is None:
        raise ValueError(f"OpenCV can't decode the file; it begins {encoded[:8]!r}.")
    white = headers.pnm_white(encoded)
    if white:
        levels = np.rint(image * np.float32(255.0 / white))
        image = np.minimum(levels, 255).astype(np.uint8)
    alpha = headers.tiff_alpha(encoded) if headers.is_tiff(encoded) else None
    # OpenCV multiplies the colors itself, but not those of 16 bits.
    multiplied = alpha == 1 or (alpha == 2 and image.dtype == np.uint8)
    return to_rgb8(image, multiplied)


def to_rgb8(image, multiplied=False):
    """Brings an image as OpenCV reads it to 8 bit RGB.

    Args:
        image: `[H, W]`, or `[H, W, C]` in OpenCV's order (BGR, BGRA); uint8,
            uint16, or float; white of float is 1, 255 or 65535.
        multiplied: Whether colors have been multiplied with alpha already.

    Returns:
        `[H, W, 3]`, uint8 RGB; transparent pixels lie on white.

    Raises:
        ValueError: If the pixels are of another type, or float of no known range.
    """
    image = image[..., None] if image.ndim == 2 else image
    if np.issubdtype(image.dtype, np.floating):
        # Of the whole image: its brightest pixel tells the range.
        colors = 1 if image.shape[-1] < 3 else 3
        parts = image[..., :colors], image[..., colors:]
        image = np.concatenate([_float_to_bytes(part) for part in parts], axis=-1)
    rgb = np.empty((*image.shape[:2], 3), np.uint8)
    # In strips, as the numbers between have 8 bytes.
    step = max(1, strips.PIXELS // image.shape[1])
    for start in range(0, len(image), step):
        rows = slice(start, start + step)
        rgb[rows] = _rows_to_rgb8(image[rows], multiplied)
    return rgb


def _rows_to_rgb8(image, multiplied):
    if image.dtype == np.uint16:
        image = np.round(image / 257.0).astype(np.uint8)
    elif image.dtype != np.uint8:
        raise ValueError(
            f"Expected pixels of uint8, uint16 or float. Received: {image.dtype}"
        )
    channels = image.shape[-1]
    if channels < 3:
        color, alpha = image[..., :1].repeat(3, axis=-1), image[..., 1:]
    else:
        color, alpha = image[..., 2::-1], image[..., 3:4]
    if alpha.size and alpha.min() < 255:
        weight = alpha / 255.0
        color = color * (1.0 if multiplied else weight) + 255.0 * (1.0 - weight)
        color = np.round(np.minimum(color, 255.0)).astype(np.uint8)
    return color


def _float_to_bytes(values):
    """Brings float values of a range that is known by its brightest to uint8."""
    if not values.size:
        return values.astype(np.uint8)
    # Missing values of maps and of microscopes.
    values = np.nan_to_num(values, posinf=np.inf, neginf=-np.inf)
    low, high = float(values.min()), float(values.max())
    white = next((w for w in _WHITES if high <= w * (1 + OVERSHOOT)), None)
    known = white == 1.0 or (white is not None and high >= white * _TOO_DARK)
    if not known or low < -OVERSHOOT * white:
        raise ValueError(
            "Float pixels are of no known range. Expected 0 to 1, to 255 or to "
            f"65535. Received: {low:.6g} to {high:.6g}"
        )
    return np.round(np.clip(values / white, 0, 1) * 255).astype(np.uint8)
