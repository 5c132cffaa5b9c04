"""Masks of classes in color."""

import cv2
import numpy as np

from selfsup.pictures.sheets import as_float_rgb
from selfsup.pictures.text import text_width, write

VOID = 255
_BOX = 18
_GAP = 6
_ROW = 26


def class_colors(num_classes):
    """Returns PASCAL VOC's color of each class.

    Bits 0, 3, 6, ... of the class are the high bits of red, from the highest
    on; bits 1, 4, ... those of green and 2, 5, ... those of blue. So 0 is
    black, 1 dark red, and 255 (void) a light yellow.

    Args:
        num_classes: Number of classes `L`, at most 256.

    Returns:
        `[L, 3]`, uint8.

    Raises:
        ValueError: If there are less than 0 or more than 256 classes.
    """
    if not 0 <= num_classes <= 256:
        raise ValueError(
            "There are colors for 0 to 256 classes. "
            f"Received: num_classes={num_classes}"
        )
    classes = np.arange(num_classes)[:, None]
    channels = np.arange(3)
    colors = np.zeros((num_classes, 3), np.int64)
    for place in range(3):
        colors |= (classes >> (3 * place + channels) & 1) << (7 - place)
    return colors.astype(np.uint8)


def sheet_colors(names):
    """Returns colors that distinguish the classes of a sheet.

    Those of PASCAL VOC for its own 21 classes, which people know by them. Of
    other classes several would be shades of one red; they get hues that lie
    far apart, and a background is black.

    Args:
        names: Name of each class.

    Returns:
        `[L, 3]`, uint8.
    """
    if len(names) == 21 and names[0] == "background":
        return class_colors(21)
    first = int(bool(names) and names[0] == "background")
    colors = np.zeros((len(names), 3), np.uint8)
    for number in range(len(names) - first):
        # The golden angle never comes back to a hue that it had.
        hue = (210.0 + number * 137.508) % 360.0
        saturation, value = (0.75, 0.95, 0.55)[number % 3], (1.0, 0.65, 0.9)[number % 3]
        pixel = np.float32([[[hue, saturation, value]]])
        rgb = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
        colors[first + number] = np.rint(255 * rgb)
    return colors


def color_mask(mask, colors=None):
    """Paints a mask in the colors of its classes.

    Args:
        mask: `[H, W]`, integer classes; 255 is void and has a color of its own.
        colors: `[L, 3]`, uint8, of classes 0 to L - 1; None takes `class_colors`.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        TypeError: If the mask does not hold integers.
        ValueError: If the mask has another rank or a class without a color.
    """
    mask = np.asarray(mask)
    if not np.issubdtype(mask.dtype, np.integer):
        raise TypeError(
            f"A mask must hold integer classes. Received: an array of {mask.dtype}"
        )
    if mask.ndim != 2:
        raise ValueError(f"A mask must have the shape [H, W]. Received: {mask.shape}")
    table = class_colors(256)
    count = VOID if colors is None else len(colors)
    if colors is not None:
        table[:count] = colors
    wrong = mask[((mask < 0) | (mask >= count)) & (mask != VOID)]
    if wrong.size:
        raise ValueError(
            f"A mask holds a class without a color. Expected 0 to {count - 1} or "
            f"{VOID} (void). Received: {wrong[0]}"
        )
    return table[mask]


def overlay(image, mask, opacity=0.55, colors=None):
    """Lays the colors of a mask over a picture, which shows through.

    Args:
        image: `[H, W]`, `[H, W, 1]` or `[H, W, 3]`, float in `[0, 1]` or uint8.
            Colors of classes are easiest to distinguish over gray.
        mask: `[H, W]`, as in `color_mask`.
        opacity: Share of the mask's colors, 0 to 1.
        colors: As in `color_mask`.

    Returns:
        `[H, W, 3]`, float32 in `[0, 1]`.

    Raises:
        ValueError: If sizes differ, or as `color_mask`.
    """
    image, painted = as_float_rgb(image), as_float_rgb(color_mask(mask, colors))
    if image.shape != painted.shape:
        raise ValueError(
            f"A mask must have the size of its image, {image.shape[:2]}. "
            f"Received: a mask of {painted.shape[:2]}"
        )
    return (1 - opacity) * image + opacity * painted


def legend(names, colors, width=640):
    """Draws boxes of colors beside their names, in as many rows as it takes.

    Args:
        names: Name of each class.
        colors: `[L, 3]`, uint8, a color for each name.
        width: Width of the picture; it is wider if a name is.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are not as many colors as names.
    """
    if len(names) != len(colors):
        raise ValueError(
            f"A legend of {len(names)} names needs as many colors. "
            f"Received: {len(colors)} colors"
        )
    places, right, x, row = [], 0, _GAP, 0
    for name in names:
        end = x + _BOX + _GAP + text_width(name) + _GAP
        if end > width and x > _GAP:
            end, x, row = end - x + _GAP, _GAP, row + 1
        places.append((x, row * _ROW))
        right, x = max(right, end), end + _GAP
    picture = np.full(((row + 1) * _ROW, max(width, right), 3), 255, np.uint8)
    for name, color, (x, y) in zip(names, colors, places, strict=True):
        top = y + (_ROW - _BOX) // 2
        # A border, or white would not be seen.
        picture[top : top + _BOX, x : x + _BOX] = 96
        picture[top + 1 : top + _BOX - 1, x + 1 : x + _BOX - 1] = color
        write(picture, name, x + _BOX + _GAP, top + _BOX - 5)
    return picture
