"""Contact sheets: rows of pictures under titles."""

import itertools
import pathlib

import cv2
import numpy as np

from selfsup import atomic
from selfsup.pictures.text import shortened, text_width, write

_MARGIN = 6
_HEADER = 26
_CAPTION = 18

# Greatest width of a picture on a sheet, in heights.
_WIDEST = 4


def contact_sheet(rows, titles, height=160, captions=None):
    """Lays pictures out in rows under column titles.

    Args:
        rows: Sequence of `(label, images)`, one image for each title:
            `[H, W, 3]` or `[H, W, 1]`, float in `[0, 1]` or uint8. Sizes may
            differ.
        titles: Text above each column.
        height: Height that all pictures are scaled to, in pixels.
        captions: For each row a list of texts below it, each as wide as an equal
            share of the columns; what does not fit is left out. None for none.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are no rows, or a row has another length.
    """
    if not rows or any(len(images) != len(titles) for _, images in rows):
        raise ValueError(
            f"A contact sheet needs rows of {len(titles)} pictures. "
            f"Received: rows of {[len(images) for _, images in rows]}"
        )
    cells = [[_scaled(image, height) for image in images] for _, images in rows]
    widths = [
        max(text_width(title), *(row[column].shape[1] for row in cells))
        for column, title in enumerate(titles)
    ]
    gutter = max(text_width(label) for label, _ in rows) + 2 * _MARGIN
    lefts = [gutter + sum(widths[:i]) + i * _MARGIN for i in range(len(widths) + 1)]
    pitch = height + _MARGIN + (_CAPTION if captions else 0)
    sheet = np.full((_HEADER + len(rows) * pitch, lefts[-1], 3), 255, np.uint8)
    for title, x in zip(titles, lefts, strict=False):
        write(sheet, title, x, _HEADER - 9)
    for index, ((label, _), row) in enumerate(zip(rows, cells, strict=True)):
        y = _HEADER + index * pitch
        write(sheet, label, _MARGIN, y + 16)
        for cell, x in zip(row, lefts, strict=False):
            sheet[y : y + height, x : x + cell.shape[1]] = cell
        texts = captions[index] if captions else []
        for number, text in enumerate(texts):
            share = len(titles) // len(texts)
            left, right = lefts[number * share], lefts[(number + 1) * share]
            text = shortened(text, right - left - _MARGIN)
            write(sheet, text, left, y + height + _CAPTION - 5)
    return sheet


def grouped_sheet(groups, titles, height=160, captions=None):
    """Lays groups of rows side by side; shorter ones end in white.

    Args:
        groups: Sequence of groups, each a list of rows, a row a list of images as
            in `contact_sheet`.
        titles: Text above each column of all groups.
        height: As in `contact_sheet`.
        captions: For each group a list of the texts below its rows, or None.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are no rows.
    """
    blank = [np.ones((1, 1, 3), np.float32)] * (len(titles) // len(groups))
    rows = itertools.zip_longest(*groups, fillvalue=blank)
    texts = captions and list(itertools.zip_longest(*captions, fillvalue=""))
    return contact_sheet([("", sum(row, [])) for row in rows], titles, height, texts)


def save_image(path, image):
    """Writes a picture atomically; missing folders are made.

    Args:
        path: Path of the file; its ending selects the format.
        image: `[H, W, 3]`, uint8 RGB.

    Raises:
        OSError: If it cannot be written.
    """
    save_encoded(path, encode_image(path, image))


def encode_image(path, image):
    """Encodes a picture for a file.

    Args:
        path: Path of the file; its ending selects the format.
        image: `[H, W, 3]`, uint8 RGB.

    Returns:
        Bytes.

    Raises:
        OSError: If it cannot be encoded.
    """
    try:
        done, encoded = cv2.imencode(pathlib.Path(path).suffix, image[..., ::-1])
    except cv2.error:  # Such as a JPEG of more than 65,500 pixels in a row.
        done = False
    if not done:
        raise OSError(
            "A picture could not be encoded. Expected an ending such as .png or .jpg, "
            f"and a size that this format has. Received: {path}, "
            f"{image.shape[0]} x {image.shape[1]} pixels"
        )
    return encoded.tobytes()


def save_encoded(path, encoded):
    """Writes an encoded picture atomically; missing folders are made.

    Args:
        path: Path of the file.
        encoded: Bytes.

    Raises:
        OSError: If it cannot be written.
    """
    with atomic.write(path) as unfinished:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(encoded)


def as_float_rgb(image):
    """Returns a picture of any kind that is drawn here as float32 RGB.

    Args:
        image: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, float in `[0, 1]` (others
            are clipped) or uint8.

    Returns:
        `[H, W, 3]`, float32 in `[0, 1]`.
    """
    image = np.asarray(image)
    scale = 255.0 if image.dtype == np.uint8 else 1.0
    image = np.clip(image.astype(np.float32) / scale, 0.0, 1.0)
    image = image[..., None] if image.ndim == 2 else image
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def resize(image, scale):
    """Resizes a picture; where it gets smaller, areas are averaged.

    Args:
        image: `[H, W, 3]`, uint8 or float32.
        scale: Factor on its height and width.

    Returns:
        `[h, w, 3]` of the same dtype, at least one pixel high and wide.
    """
    size = [max(1, round(scale * length)) for length in image.shape[1::-1]]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=interpolation)


def _scaled(image, height):
    image = as_float_rgb(image)
    scale = min(height / image.shape[0], _WIDEST * height / image.shape[1])
    image = resize(image, scale)
    # Very wide pictures leave white below.
    below = height - image.shape[0]
    image = np.pad(image, [(0, below), (0, 0), (0, 0)], constant_values=1.0)
    return np.rint(255 * image).astype(np.uint8)
