"""Sheets that show segmentations beside their photographs."""

import numpy as np

from selfsup.data.voc import VOID
from selfsup.pictures.class_masks import legend, overlay, sheet_colors
from selfsup.pictures.sheets import as_float_rgb, contact_sheet

_WRONG = np.float32([1.0, 0.0, 0.0])
_VOID_GRAY = 0.5
_WHITENED = 0.8

# Lifts black, so that dark photographs are seen below masks.
_LIFTED = 0.3


def segmentation_sheet(rows, names, height=200, opacity=0.5):
    """Draws photographs, true and predicted masks, and where they differ.

    Masks lie over the gray photograph, whose black is lifted to dark gray. In the
    last column a wrong pixel is red, a void one is gray, and the photograph is pale
    elsewhere. Without any true mask only photographs and predictions are drawn. Below
    stands a legend of the classes that occur.

    Args:
        rows: Sequence of `(label, image, truth, prediction)`: a text, `[H, W, 3]`
            or `[H, W, 1]`, uint8, then masks `[H, W]` of integer classes with
            255 for void; `truth` may be None.
        names: Name of each class.
        height: Height of the pictures, in pixels.
        opacity: Share of the masks' colors over the photograph.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are no rows, or a mask has another size than its image.
    """
    colors = sheet_colors(names)
    titles = ["photo", "truth", "predicted", "wrong (red)"]
    kept = [0, 1, 2, 3] if any(row[2] is not None for row in rows) else [0, 2]
    drawn = []
    for label, image, truth, prediction in rows:
        cells = _cells(image, truth, prediction, colors, opacity)
        drawn.append((label, [cells[column] for column in kept]))
    sheet = contact_sheet(drawn, [titles[column] for column in kept], height)
    masks = [mask for row in rows for mask in row[2:] if mask is not None]
    return _with_legend(sheet, masks, names, colors)


def _cells(image, truth, prediction, colors, opacity):
    gray = as_float_rgb(image).mean(axis=-1)
    lifted = _LIFTED + (1 - _LIFTED) * gray
    predicted = overlay(lifted, prediction, colors, opacity)
    if truth is None:
        blank = np.ones((1, 1, 3), np.float32)
        return [image, blank, predicted, blank]
    true = overlay(lifted, truth, colors, opacity)
    return [image, true, predicted, _errors(gray, truth, prediction)]


def _errors(gray, truth, prediction):
    picture = np.repeat(_WHITENED + (1 - _WHITENED) * gray[..., None], 3, axis=-1)
    picture[truth != prediction] = _WRONG
    picture[truth == VOID] = _VOID_GRAY
    return picture


def _with_legend(sheet, masks, names, colors):
    classes = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    shown = ["void" if k == VOID else names[k] for k in classes]
    below = legend(shown, colors[classes], sheet.shape[1])
    wider = below.shape[1] - sheet.shape[1]
    sheet = np.pad(sheet, [(0, 0), (0, wider), (0, 0)], constant_values=255)
    return np.concatenate([sheet, below])
