"""Paths as people write them, and whether two of them name one place."""

import os

# Begins the names of data sets of TensorFlow Datasets, which are no paths.
TFDS = "tfds:"


def expanded(path):
    """Returns a path with the home folder in place of `~` or `~NAME`.

    Args:
        path: A path or a `tfds:` specification.

    Returns:
        A string.
    """
    return os.path.expanduser(os.fspath(path))


def absolute(path):
    """Returns a path that means the same from every folder.

    Args:
        path: A path, a `tfds:` specification, or None.

    Returns:
        A string; None for None.
    """
    if path is None or path.startswith(TFDS):
        return path
    return os.path.abspath(expanded(path))


def place(value):
    """Returns what is the same for all spellings of a path.

    Args:
        value: A path, a `tfds:` specification, None, or a tuple of them.

    Returns:
        The same with real paths, links followed; in a tuple each once.
    """
    if isinstance(value, tuple):
        return tuple(dict.fromkeys(map(place, value)))
    if value is None or value.startswith(TFDS):
        return value
    return os.path.realpath(expanded(value))


def file_places(paths):
    """Returns the places of many files; faster than `place` on each.

    Args:
        paths: Paths of files.

    Returns:
        A list of strings.
    """
    folders, found = {}, []
    for path in paths:
        if os.path.islink(path):
            found.append(os.path.realpath(path))
            continue
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        found.append(os.path.join(folders[folder], name))
    return found
