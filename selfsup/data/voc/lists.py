"""Lists of a split's images, as VOC and as other projects keep them.

2007_000032
2007_000032.jpg
2007_000032  1
/JPEGImages/2007_000032.jpg /SegmentationClass/2007_000032.png
"""

import collections
import os
import re
from typing import NamedTuple

from selfsup.data import files
from selfsup.data.voc import listing

_LABEL = re.compile(r"[+-]?\d+")
_PARENT = re.compile(r".*\bJPEGImages[/\\]")


class Entry(NamedTuple):
    """An image of a split.

    Attributes:
        name: Its name: that of its file without the ending.
        mask: Path of its mask as the list has it, or None where it has none.
    """

    name: str
    mask: str | None = None


def read(path, folder):
    """Reads the list of a split.

    Blank lines and lines that begin with `#` are skipped.

    Args:
        path: Path of the list.
        folder: The year's folder: what is a name there is one, spaces included.

    Returns:
        A tuple of `Entry`.

    Raises:
        ValueError: If a line is something else, or names are missing or double.
    """
    images = listing.Listing()

    def exists(name):
        choices = listing.image_choices(folder, name)
        return any(images.find(choice) for choice in choices)

    entries = []
    for number, line in _lines(path):
        entry = _entry(line, exists)
        if entry is None:
            raise ValueError(
                f"File {path}, line {number}, is no image of a split. Expected a name, "
                "of which a file in JPEGImages has the rest; a label that is not -1, "
                f"or the path of a mask, may follow. Received: {line!r}"
            )
        entries.append(entry)
    check_names(path, [entry.name for entry in entries])
    return tuple(entries)


def read_names(path):
    """Reads a file of names, one a line; blank lines and comments are skipped.

    Args:
        path: Path of the file.

    Returns:
        Tuple of names.

    Raises:
        ValueError: If there is no name, or one twice.
    """
    names = tuple(line for _, line in _lines(path))
    check_names(path, names)
    return names


def check_names(path, names):
    """Raises a ValueError if a file lists no name, or one twice."""
    if not names:
        raise ValueError(
            f"File {path} lists no names. Expected one a line. Received: only blanks"
        )
    name, count = collections.Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"File {path} lists a name twice. Expected every name once. "
            f"Received: {name!r} in {count} lines"
        )


def without_ending(name):
    """Returns the name of an image without folder and ending.

    Args:
        name: A name as a list has it, such as `JPEGImages/a.jpg`.
    """
    name = _PARENT.sub("", name)
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in files.IMAGE_EXTENSIONS else name


def _lines(path):
    return [pair for pair in files.read_lines(path) if not pair[1].startswith("#")]


def _entry(line, exists):
    """Returns what a line means, or None."""
    # The whole line first: "photo 12" may be a file's name.
    for name in (line, without_ending(line)):
        if exists(name):
            return Entry(name)
    name, *rest = line.rsplit(None, 1)
    name = without_ending(name)
    if not rest:
        return Entry(name)
    behind = rest[0]
    if _LABEL.fullmatch(behind):
        return None if behind.startswith("-") else Entry(name)
    if os.path.splitext(behind)[1].lower() in (*files.IMAGE_EXTENSIONS, ".mat"):
        return Entry(name, behind)
    return None
