"""Writes labeled photographs as a list file that anyone can use again."""

import functools
import os
import re

from selfsup import atomic
from selfsup.data.streams import FileImages
from selfsup.data.voc import layout, lists

# Ends of lines, the separator, control characters, and bytes that are no text.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


def write_list(samples, path):
    """Writes a list file and, beside it, `classes.txt`.

    A line is a path, a tab and a class. Paths are relative to the list's folder where
    the files lie below it. `open_labeled` reads the same labels and classes from it.

    Args:
        samples: A `LabeledSet` of files.
        path: Path of the list file.

    Raises:
        ValueError: If the images are not files, a name can't stand in a list, or there
            is another `classes.txt`.
        OSError: If a file can't be written.
    """
    if not isinstance(samples.images, FileImages):
        raise ValueError(
            "A list names files. Expected images that are files. "
            f"Received: {samples.name(0)!r}"
        )
    folder = os.path.realpath(os.path.dirname(path))
    beside = os.path.join(folder, layout.CLASSES_FILE)
    if os.path.exists(beside) and lists.read_names(beside) != samples.classes:
        raise ValueError(
            f"File {beside} has the names of other classes. Expected a folder without "
            f"one. Received: {path!r} with {len(samples.classes)} classes"
        )
    for name in samples.classes:
        if _UNWRITABLE.search(name) or name != name.strip() or name.startswith("#"):
            raise _unwritable(name)
    resolve = functools.cache(os.path.realpath)
    rows = [
        f"{_path(source, folder, resolve)}\t{samples.classes[label]}\n"
        for source, label in zip(samples.images.sources, samples.labels, strict=True)
    ]
    _write(beside, [f"{name}\n" for name in samples.classes])
    _write(path, rows)


def _path(source, folder, resolve):
    """Returns what a line calls a file."""
    if _UNWRITABLE.search(source):
        raise _unwritable(source)
    source = os.path.abspath(source)
    place = os.path.join(resolve(os.path.dirname(source)), os.path.basename(source))
    name = place.removeprefix(os.path.join(folder, ""))
    if name == place:
        return source
    # Else it would be a comment, the home folder, or lose its first space.
    return os.path.join(".", name) if name[0] in "#~" or name[0].isspace() else name


def _unwritable(name):
    return ValueError(
        "A name can't stand in a list. Expected one without tabs, ends of lines, "
        f"control characters, spaces around it or # before it. Received: {name!r}"
    )


def _write(path, lines):
    with atomic.write(path) as unfinished:
        with open(unfinished, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
