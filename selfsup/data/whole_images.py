"""Whole images of a collection, strictly: nothing is skipped or replaced."""

import numpy as np
import tensorflow as tf

from selfsup import color
from selfsup.data import decoding


def whole_images(images, indices=None):
    """Reads images of a collection, one after the other.

    Args:
        images: A collection from `open_images`.
        indices: Numbers of the images; None for all, in order.

    Yields:
        Pairs of the image's name and its pixels, `[H, W, 3]`, uint8 RGB.

    Raises:
        ValueError: If an image can't be decoded; it names the image.
    """
    if indices is None:
        samples = images.stream(0, 0, shuffle=False)
    else:
        samples = (
            next(iter(images.stream(0, index, shuffle=False))) for index in indices
        )
    for index, content in samples:
        yield images.name(int(index)), read_image(images, index, content)


def read_image(images, index, content):
    """Reads an image of a collection.

    Args:
        images: A collection from `open_images`.
        index: `[]`, int64, as an element of the collection's stream has it.
        content: `[]`, string, the same.

    Returns:
        `[H, W, 3]`, uint8 RGB, NumPy.

    Raises:
        ValueError: If it can't be read or decoded; it is named.
    """
    name = images.name(int(index))
    try:
        encoded = images.read(index, content).numpy()
    except tf.errors.OpError as error:
        raise ValueError(
            f"An image can't be read. Expected a readable file. Received: {name!r}"
        ) from error
    return decoding.decode_bytes(encoded, name)


def as_network_input(image, color_input=False):
    """Turns pixels into what the networks take; runs in graphs.

    Args:
        image: `[..., 3]`, uint8 RGB.
        color_input: Whether the network takes color.

    Returns:
        `[..., 1]` (`[..., 3]` for color), float32: in `[0, 1]` minus 0.4488.
    """
    if color_input:
        return tf.cast(image, tf.float32) / 255.0 - color.GRAY_MEAN
    # Reducing over a last axis of three is several times slower.
    red, green, blue = tf.unstack(tf.cast(image, tf.uint16), axis=-1)
    total = tf.cast(red + green + blue, tf.float32)[..., None]
    return total / 765.0 - color.GRAY_MEAN


def network_input(path, side=None):
    """Reads an image as the networks want it.

    Args:
        path: Path of an image file, gray or color.
        side: Shortest side to scale it to, in pixels; None keeps the size.

    Returns:
        `[1, H, W, 1]`, float32: gray in `[0, 1]` minus 0.4488.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file can't be decoded.
    """
    gray = color.rgb_to_gray(decoding.load_image(path) / np.float32(255.0))
    if side is not None:
        height, width = gray.shape[:2]
        scale = side / min(height, width)
        size = [max(1, round(height * scale)), max(1, round(width * scale))]
        gray = tf.image.resize(gray, size, antialias=True)
    return gray[None] - color.GRAY_MEAN


def evenly_spaced(images, count):
    """Returns up to `count` numbers of images, evenly spread over a collection.

    Args:
        images: A collection from `open_images`.
        count: How many are wanted.
    """
    count = min(count, len(images))
    return [(2 * i + 1) * len(images) // (2 * count) for i in range(count)]
