"""Coloring of images as they come: paths, arrays, and lists of them."""

import functools

import keras
import numpy as np

from selfsup import heads
from selfsup.inference import colorization, photographs
from selfsup.inference.image_arrays import as_pixels

# Shortest side that the network sees, if nothing is known of its training.
DEFAULT_SIDE = 256


def colorize(
    model,
    images,
    short_side=DEFAULT_SIDE,
    hue_mode="expectation_faded",
    chroma_mode="median",
    saturation=1.0,
):
    """Colors images, each at its own size.

    Args:
        model: A colorizer, or what `dense_predictor` returned for one. The model is
            compiled at the first call, and kept for the next.
        images: The path of an image file, an array `[H, W, 3]`, `[H, W, 1]` or
            `[H, W]`, uint8 or float in `[0, 1]`, or a list of these.
        short_side: Shortest side that the network sees, in pixels, best that of its
            training; None for the image's own.
        hue_mode: How a hue is taken from its histogram, see
            `color.histograms_to_rgb`.
        chroma_mode: How a chroma is.
        saturation: Factor of all colors; 0 gives gray.

    Returns:
        `[H, W, 3]`, RGB, NumPy: uint8 for files and uint8, float32 in `[0, 1]` for
        floats. A list for a list.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If an image is of another type.
        ValueError: If the model is no colorizer, a file cannot be decoded, a mode is
            unknown, or an array is of another shape or range.

    Example:

        model = weights.zoo.load("sample")
        colored = inference.colorize(model, "photo.jpg")  # [H, W, 3], uint8
    """
    if isinstance(model, keras.Model):
        heads.check_kind(model, ["colorizer"])
        predict = _predictor(model)
    else:
        predict = model
    options = short_side, hue_mode, chroma_mode, saturation
    if isinstance(images, (list, tuple)):
        return [_colored(predict, image, *options) for image in images]
    return _colored(predict, images, *options)


# The last one: a model is small beside what compiling it again takes.
@functools.lru_cache(maxsize=1)
def _predictor(model):
    return colorization.dense_predictor(model)


def _colored(predict, image, *options):
    image = as_pixels(image)
    if image.dtype == np.uint8:
        image = np.broadcast_to(image, (*image.shape[:2], 3))
        return photographs.color_photograph(predict, image, *options)
    return colorization.color_image(predict, image, *options)
