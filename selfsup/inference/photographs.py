"""Coloring of large photographs at their full size, at little memory."""

import numpy as np
import tensorflow as tf

from selfsup import color
from selfsup.inference import colorization

# About how many pixels a strip has: 3 MB for each array of colors.
_STRIP_PIXELS = 2**18


def color_photograph(
    predict,
    image,
    short_side=None,
    hue_mode="expectation_faded",
    chroma_mode="median",
    saturation=1.0,
):
    """Colors a photograph at its own size.

    The numbers of `color_image`, rounded. The mean of R, G and B of each pixel is
    kept, but for the rounding of each channel, which moves it by half a level
    of 255 at most; chroma shrinks where the gamut ends. What has the full size
    is done in strips of rows, which changes no number.

    The enlarging is plain bilinear interpolation. Guiding it by the edges of
    the gray (He and Sun, 2015) was tried with true colors, shrunk to a 13th
    and a 4th: bleeding at edges became less, but error larger, because faint
    textures took the colors away from what is colored evenly.

    Args:
        predict: What `dense_predictor` returned.
        image: `[H, W, 3]`, uint8 RGB, gray or color.
        short_side: As in `color_image`.
        hue_mode: As in `color_image`.
        chroma_mode: As in `color_image`.
        saturation: Factor of all colors; 0 gives gray.

    Returns:
        `[H, W, 3]`, uint8 RGB, NumPy.

    Raises:
        ValueError: If a mode is unknown.
    """
    result = np.empty(image.shape, np.uint8)
    modes = short_side, hue_mode, chroma_mode, saturation
    for rows, rgb in colored_strips(predict, image, *modes):
        result[rows] = np.rint(255.0 * rgb)
    return result


def colored_strips(
    predict,
    image,
    short_side=None,
    hue_mode="expectation_faded",
    chroma_mode="median",
    saturation=1.0,
):
    """Colors a photograph at its own size, a strip of rows at a time.

    Args:
        predict: As in `color_photograph`, and so are the others.
        image: `[H, W, 3]`, uint8 RGB, gray or color.
        short_side: As in `color_image`.
        hue_mode: As in `color_image`.
        chroma_mode: As in `color_image`.
        saturation: Factor of all colors.

    Yields:
        Pairs of a slice of rows and their colors, `[h, W, 3]`, float32 in `[0, 1]`.

    Raises:
        ValueError: If a mode is unknown.
    """
    height, width = image.shape[:2]
    offsets = saturation * colorization.predicted_chroma_offsets(
        predict, _gray(image), short_side, hue_mode, chroma_mode
    )
    # Enlarged in width only: few rows so far.
    wide = tf.image.resize(offsets, [offsets.shape[0], width]).numpy()
    rows = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, rows):
        strip = slice(start, min(start + rows, height))
        colors = _rows(wide, np.arange(strip.start, strip.stop), height)
        yield strip, color.with_gray(colors, _gray(image[strip])).numpy()


def _gray(image):
    """Returns the mean of R, G and B, `[H, W, 1]`, float32 in `[0, 1]`."""
    # Channel by channel: reducing over a last axis of three is much slower.
    total = sum(image[..., channel].astype(np.uint16) for channel in range(3))
    return total[..., None] / np.float32(765.0)


def _rows(small, rows, height):
    """Samples rows of an image enlarged to a height, as `tf.image.resize` does.

    Args:
        small: `[h, W, C]`, float32.
        rows: `[N]`, numbers of the rows wanted, in `[0, height)`.
        height: Height of the enlarged image.

    Returns:
        `[N, W, C]`, float32.
    """
    # Centers of pixels lie at half-integers.
    position = (rows + 0.5) * (small.shape[0] / height) - 0.5
    below = np.floor(position)
    weight = (position - below).astype(np.float32)[:, None, None]
    above, below = (
        small[np.clip(index, 0, small.shape[0] - 1).astype(int)]
        for index in (below, below + 1)
    )
    return above + weight * (below - above)
