"""Masks of classes in color."""

import cv2
import numpy as np

from selfsup.pictures.sheets import as_float_rgb
from selfsup.pictures.text import text_width, write

_BOX = 18
_GAP = 6
_ROW = 26


def class_colors():
    """Returns PASCAL VOC's color of each class, of 255 (void) too.

    Bits 0, 3, 6, ... of the class are the high bits of red, from the highest
    on; bits 1, 4, ... those of green and 2, 5, ... those of blue. So 0 is
    black, 1 dark red, and 255 a light yellow.

    Returns:
        `[256, 3]`, uint8.
    """
    classes, channels = np.arange(256)[:, None], np.arange(3)
    colors = np.zeros((256, 3), np.int64)
    for bit in range(3):
        colors |= (classes >> (3 * bit + channels) & 1) << (7 - bit)
    return colors.astype(np.uint8)


def sheet_colors(names):
    """Returns colors that distinguish the classes of a sheet.

    Those of PASCAL VOC for its own 21 classes, which people know by them. Of
    other classes several would be shades of one red; they get hues that lie
    far apart, and a background is black.

    Args:
        names: Name of each class.

    Returns:
        `[256, 3]`, uint8: those of the classes, then VOC's; 255 is void.
    """
    colors = class_colors()
    first = int(bool(names) and names[0] == "background")
    if len(names) == 21 and first:
        return colors
    for number in range(len(names) - first):
        # The golden angle never comes back to a hue that it had.
        hue = (210.0 + number * 137.508) % 360.0
        saturation, value = (0.75, 0.95, 0.55)[number % 3], (1.0, 0.65, 0.9)[number % 3]
        pixel = np.float32([[[hue, saturation, value]]])
        rgb = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
        colors[first + number] = np.rint(255 * rgb)
    return colors


def overlay(image, mask, colors, opacity):
    """Lays the colors of a mask over a picture, which shows through.

    Args:
        image: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, float in `[0, 1]` or uint8.
            Colors of classes are easiest to distinguish over gray.
        mask: `[H, W]`, integer classes; 255 is void.
        colors: `[256, 3]`, uint8, as `sheet_colors` returns them.
        opacity: Share of the mask's colors, 0 to 1.

    Returns:
        `[H, W, 3]`, float32 in `[0, 1]`.
    """
    return (1 - opacity) * as_float_rgb(image) + opacity * as_float_rgb(colors[mask])


def legend(names, colors, width=640):
    """Draws boxes of colors beside their names, in as many rows as it takes.

    Args:
        names: Name of each class.
        colors: `[L, 3]`, uint8, a color for each name.
        width: Width of the picture; it is wider if a name is.

    Returns:
        `[H, W, 3]`, uint8.
    """
    corners, right, x, row = [], 0, _GAP, 0
    for name in names:
        end = x + _BOX + _GAP + text_width(name) + _GAP
        if end > width and x > _GAP:
            end, x, row = end - x + _GAP, _GAP, row + 1
        corners.append((x, row * _ROW))
        right, x = max(right, end), end + _GAP
    picture = np.full(((row + 1) * _ROW, max(width, right), 3), 255, np.uint8)
    for name, color, (x, y) in zip(names, colors, corners, strict=True):
        top = y + (_ROW - _BOX) // 2
        # A border, or white would not be seen.
        picture[top : top + _BOX, x : x + _BOX] = 96
        picture[top + 1 : top + _BOX - 1, x + 1 : x + _BOX - 1] = color
        write(picture, name, x + _BOX + _GAP, top + _BOX - 5)
    return picture
