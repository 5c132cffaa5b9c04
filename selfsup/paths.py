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


def split_share(source):
    """Splits `PATH=SHARE`, a source of images with its share of the samples.

    What exists is a path, whatever its name.

    Args:
        source: A path or a `tfds:` specification, with a share or without.

    Returns:
        A pair: a string without the share, and a float, which may be no share at all,
        such as NaN; None where there is none.
    """
    source = os.fspath(source)
    path, sign, share = source.rpartition("=")
    if not sign or os.path.exists(expanded(source)):
        return source, None
    try:
        return path, float(share)
    except ValueError:
        return source, None


def absolute(path):
    """Returns a path that means the same from every folder.

    Args:
        path: A path, a `tfds:` specification, either with a share, or None.

    Returns:
        A string; None for None.
    """
    return _changed(path, os.path.abspath)


def _changed(source, change):
    """Returns a source whose path is changed; its share stays as it is written."""
    if source is None or source.startswith(TFDS):
        return source
    path, _ = split_share(source)
    return change(expanded(path)) + source[len(path) :]


def place(value):
    """Returns what is the same for all spellings of a path.

    Args:
        value: As in `absolute`, or a tuple of such.

    Returns:
        The same with real paths, links followed; in a tuple each once.
    """
    if isinstance(value, tuple):
        return tuple(dict.fromkeys(map(place, value)))
    return _changed(value, os.path.realpath)


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
