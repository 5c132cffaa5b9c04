"""Images as users give them: paths and arrays."""

import os

import numpy as np

from selfsup import data


def as_pixels(image):
    """Returns the pixels of an image.

    Args:
        image: The path of an image file, or an array `[H, W, 3]`, `[H, W, 1]` or
            `[H, W]`, uint8 or float in `[0, 1]`.

    Returns:
        `[H, W, 3]`, uint8, for a file; `[H, W, 1]` or `[H, W, 3]`, uint8 or float32,
        for an array.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If the array is of another type.
        ValueError: If the file cannot be decoded, or the array is of another shape or
            range.
    """
    if isinstance(image, (str, bytes, os.PathLike)):
        return data.load_image(os.fsdecode(image))
    image = np.asarray(image)
    if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
        raise TypeError(
            "An image is of another type. Expected the path of a file, or an array of "
            f"uint8 or of floats in [0, 1]. Received: {image.dtype}"
        )
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or not image.size:
        raise ValueError(
            "An image is of another shape. Expected [H, W], [H, W, 1] or [H, W, 3], "
            f"and a list for several. Received: {list(image.shape)}"
        )
    if image.dtype == np.uint8:
        return image
    low, high = image.min(), image.max()
    if not (low >= 0 and high <= 1):  # Also if there is a NaN.
        raise ValueError(
            "An image is out of range. Expected floats in [0, 1], or uint8. "
            f"Received: values from {low} to {high}"
        )
    return image.astype(np.float32)
