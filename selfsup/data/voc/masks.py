"""Masks: images whose pixels are the indices of classes, `VOID`."""

import io
import pathlib

import numpy as np
from PIL import Image

from selfsup import atomic
from selfsup.data import decoding, headers
from selfsup.data.crops import VOID
from selfsup.data.voc import mat_files

_PNG = b"\x89PNG\r\n\x1a\n"


def read_mask(path, size, num_classes):
    """Reads a mask and checks it.

    Args:
        path: Path of a PNG file with a palette or of gray, of up to 8 bits, or
            of a `.mat` file of the Semantic Boundaries Dataset.
        size: `(height, width)` of the mask's image.
        num_classes: Number of classes.

    Returns:
        `[H, W]`, uint8, indices below `num_classes`, or `VOID`.

    Raises:
        ValueError: If the file can't be read, or is not a mask of this size
            and these classes.
    """
    try:
        mask = mat_files.read(path) if path.endswith(".mat") else _read_indices(path)
    except headers.PILLOW_ERRORS as error:
        raise ValueError(
            "A mask can't be read. Expected indices: a PNG file with a palette or of "
            "gray, of at most 8 bits, or a .mat file with GTcls.Segmentation of uint8. "
            f"Received: {path!r}: {atomic.first_line(error)}"
        ) from error
    if mask.shape != tuple(size):
        raise ValueError(
            "A mask is not as large as its image. Expected height and width "
            f"{tuple(size)}. Received: {mask.shape} in {path!r}"
        )
    counts = np.bincount(mask.ravel(), minlength=VOID + 1)
    wrong = num_classes + np.flatnonzero(counts[num_classes:VOID])
    if wrong.size:
        raise ValueError(
            f"A mask holds an index that is no class. Expected 0 to {num_classes - 1}, "
            f"as there are {num_classes} classes, or {VOID} for void. "
            f"Received: {wrong[0]} in {path!r}"
        )
    return mask


def image_size(path):
    """Returns the height and width of an image, upright, from its header.

    Args:
        path: Path of the image.

    Returns:
        `(height, width)`.

    Raises:
        ValueError: If the file can't be read.
    """
    encoded = pathlib.Path(path).read_bytes()
    try:
        height, width = headers.claimed_size(encoded)
    except ValueError:
        # Decoding it finds out what is wrong.
        return decoding.decode_bytes(encoded, path).shape[:2]
    turned = headers.orientation(encoded) >= 5
    return (width, height) if turned else (height, width)


def _read_indices(path):
    """Reads the raw indices of a palette or gray image, `[H, W]` uint8."""
    encoded = pathlib.Path(path).read_bytes()
    image = Image.open(io.BytesIO(encoded))
    if image.mode not in ("1", "L", "P"):
        raise ValueError(f"Pillow's mode {image.mode!r}")
    pixels = np.array(image, np.uint8)
    if image.mode == "L" and encoded.startswith(_PNG):
        # Pillow stretches gray of 2 and 4 bits to the range of 8.
        pixels //= 255 // (2 ** encoded[24] - 1)
    return pixels
