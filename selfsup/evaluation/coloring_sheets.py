"""Contact sheets of colored images, a hundred a page."""

import contextlib
import hashlib
import json
import os
import pathlib
import re

import numpy as np

from selfsup import data, pictures

SHEET = "sheet.png"

# Names of the pages, in small letters.
PAGES = re.compile(r"sheet(-\d+)?\.png")

_SHOWN = 100  # Images on a page.
_ROWS = 20  # Of them below each other.
_HEIGHT = 160  # Of each, in pixels.
_WIDEST = 2  # Greatest width of each, in heights.

# An image whose channels differ by so many of 255 levels in a tenth of its
# pixels is a color image. Scans of gray prints have a tint, but a weaker one.
_COLORFUL = 24


class Sheets:
    """The pages `sheet.png`, `sheet-2.png` ... of a folder of results.

    A page that shows what it would show again is not drawn.

    Args:
        record: The `Record` of the folder.
    """

    def __init__(self, record):
        self._record = record
        self._names, self._drawn = [], {}
        self.paths = []

    def add(self, name, image=None, colored=None):
        """Adds a result; a full page is written.

        Args:
            name: Its path below the folder.
            image: `[H, W, 3]`, uint8; None to read the files again if needed.
            colored: The same.

        Raises:
            OSError: If a page cannot be written.
        """
        self._names.append(name)
        if image is not None:
            self._drawn[name] = _shrunk(image), _shrunk(colored)
        if len(self._names) == _SHOWN:
            self._write()

    def close(self):
        """Writes the last page, and removes those of earlier calls beyond it.

        Raises:
            OSError: If a page cannot be written.
        """
        if self._names:
            self._write()
        for name in self._record.sheets.keys() - {path.name for path in self.paths}:
            (self._record.folder / name).unlink(missing_ok=True)

    def _write(self):
        number = len(self.paths) + 1
        path = self._record.folder / (SHEET if number == 1 else f"sheet-{number}.png")
        names, drawn, self._names, self._drawn = self._names, self._drawn, [], {}
        self.paths.append(path)
        content = [(name, self._record.results[name]["sha256"]) for name in names]
        shows = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        if path.exists() and self._record.sheets.get(path.name) == shows:
            return
        pairs = [drawn.get(name) or self._read(name) for name in names]
        # Noted before and after: a kill leaves no page that is not known.
        self._record.add_sheet(path.name, None)
        pictures.save_image(path, sheet(pairs, list(map(self._title, names))))
        self._record.add_sheet(path.name, shows)

    def _read(self, name):
        colored = _shrunk(data.load_image(self._record.folder / name))
        with contextlib.suppress(OSError, ValueError):
            return _shrunk(
                data.load_image(self._record.results[name]["source"])
            ), colored
        # The image has gone, but the result has its gray.
        gray = np.rint(colored.mean(-1, keepdims=True)).astype(np.uint8)
        return np.repeat(gray, 3, -1), colored

    def _title(self, name):
        source = os.path.basename(self._record.results[name]["source"])
        return str(pathlib.Path(name).parent / source)


def sheet(pairs, names):
    """Draws gray, colored and, where the image had color, true pictures.

    Args:
        pairs: List of pairs of an image and its result, `[H, W, 3]`, uint8.
        names: Text under each.

    Returns:
        `[H, W, 3]`, uint8.
    """
    colorful = [is_colorful(image) for image, _ in pairs]
    titles = ["gray", "colored", "true"][: 3 if any(colorful) else 2]
    blank = np.full((1, 1, 3), 255, np.uint8)
    rows = []
    for (image, colored), has_color in zip(pairs, colorful, strict=True):
        gray = np.rint(image.mean(-1, keepdims=True)).astype(np.uint8)
        row = gray, colored, image if has_color else blank
        rows.append([_framed(picture) for picture in row[: len(titles)]])
    columns = -(-len(rows) // _ROWS)
    groups, captions = (
        [items[column::columns] for column in range(columns)] for items in (rows, names)
    )
    return pictures.grouped_sheet(groups, titles * columns, _HEIGHT, captions)


def is_colorful(image):
    """Returns whether an image has colors worth showing beside predicted ones.

    Args:
        image: `[H, W, 3]`, uint8.
    """
    return bool(np.percentile(np.ptp(image, axis=-1), 90) >= _COLORFUL)


def _shrunk(image):
    """Shrinks an image to what a contact sheet shows of it."""
    height, width = image.shape[:2]
    scale = min(1.0, _HEIGHT / height, _WIDEST * _HEIGHT / width)
    return pictures.resize(image, scale)


def _framed(image):
    """Adds white below a very wide image, which would widen its column."""
    height, width = image.shape[:2]
    white = max(0, -(-width // _WIDEST) - height)
    return np.pad(image, [(0, white), (0, 0), (0, 0)], constant_values=255)
