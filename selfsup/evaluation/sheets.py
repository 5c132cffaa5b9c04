"""Contact sheets of colorings, and the choice of what they show."""

import pathlib
import re

import cv2
import numpy as np
from absl import logging

from selfsup import data, pictures
from selfsup.inference import colorize

# Images that are looked at for the choice.
_CANDIDATES = 48

# Shortest side that is kept: twice the height of a sheet's pictures.
_SHOWN_SIDE = 320


def choose_images(collection, count=8):
    """Chooses images whose coloring is worth looking at.

    Of some that are evenly spread it takes the most colorful, one of each
    scene as long as there are enough; names of one scene differ only after
    their last `-` or `_`. Unreadable ones are left out.

    Args:
        collection: A collection from `data.open_images`.
        count: Number of images.

    Returns:
        Up to `count` arrays `[H, W, 3]`, float32 in `[0, 1]`, in the order of
        the collection, large ones shrunk to what a sheet can show.
    """
    found, colorful, scenes = {}, {}, {}
    for index in data.evenly_spaced(collection, _CANDIDATES):
        try:
            ((name, image),) = data.whole_images(collection, [index])
        except (OSError, ValueError) as error:
            logging.debug("Left out of the contact sheet: %s", error)
            continue
        found[index] = _shrunk(image).astype(np.float32) / 255.0
        # A strong color on a tenth of the image is enough to look at.
        colorful[index] = np.percentile(np.ptp(found[index], axis=-1), 90)
        scenes[index] = re.split(r"[-_][^-_]*$", pathlib.PurePath(name).stem)[0]
    order = sorted(found, key=colorful.get, reverse=True)
    first = {scenes[index]: index for index in reversed(order)}.values()
    rest = [index for index in order if index not in first]
    chosen = [*sorted(first, key=order.index), *rest][:count]
    return [found[index] for index in sorted(chosen)]


def _shrunk(image):
    scale = _SHOWN_SIDE / min(image.shape[:2])
    if scale >= 1:
        return image
    size = [max(1, round(scale * length)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def colorization_sheet(predict, groups, side=None):
    """Draws gray, predicted and true images side by side.

    Args:
        predict: What `dense_predictor` returned.
        groups: Dict from a title to a list of `[H, W, 3]`, float32 in
            `[0, 1]`; each has its columns.
        side: As in `colorize`.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are no images at all.
    """
    columns = [
        [_triple(predict, image, side) for image in images]
        for images in groups.values()
    ]
    titles = [
        text for title in groups for text in (f"{title}: gray", "predicted", "true")
    ]
    rows = max(map(len, columns), default=0)
    blank = [np.ones((1, 1, 3), np.float32)] * 3
    columns = [column + [blank] * (rows - len(column)) for column in columns]
    return pictures.contact_sheet(
        [("", sum(parts, [])) for parts in zip(*columns, strict=True)], titles
    )


def _triple(predict, image, side):
    gray = np.repeat(np.mean(image, -1, keepdims=True), 3, -1)
    return [gray, colorize(predict, image, side), image]
