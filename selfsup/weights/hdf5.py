"""HDF5 files of other programs: opened only if all they hold is in them.

HDF5 lets a file point at others on the machine that reads it: external links, raw
data in external files, virtual datasets. Files of weights need none of these, nor
soft links, stored types or references.
"""

import math
import pathlib

import h5py

from selfsup import atomic

# What h5py, and Keras with it, raise for damaged files.
UNREADABLE = (EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError)

# A file's arrays, or an archive's members, hold at most so many times its own size.
# Weights hardly compress; a claim of terabytes is made in a few bytes.
MOST_EXPANSION = 20

# Filters of chunks that HDF5 itself has; others are libraries looked for on the disk.
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
}


def opened(path):
    """Opens a file for reading, if it is one of plain arrays in groups.

    Args:
        path: Path of the file.

    Returns:
        A `h5py.File`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated or not HDF5, or `check` refuses it.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There are no weights. Expected a .h5 file of weights. Received: {path}"
        )
    try:
        file = h5py.File(path)
    except OSError as error:
        raise ValueError(
            "The weights cannot be read: the file is truncated, damaged or not HDF5. "
            f"Expected a whole file. Received: {path} ({atomic.first_line(error)})"
        ) from error
    try:
        check(file, path.stat().st_size, path)
    except BaseException:
        file.close()
        raise
    return file


def check(file, size, path):
    """Refuses a file that is more than plain arrays of numbers in groups.

    Nothing is read but the structure.

    Args:
        file: An open `h5py.File`.
        size: Its size in bytes.
        path: What errors call it.

    Raises:
        ValueError: If a link is not hard, a group is in two places, an array is
            stored in other files, is not of real numbers or has a filter of
            another library, or all arrays claim far more than the file's size.
    """
    try:
        mistake = _mistake(file, size)
    except UNREADABLE as error:
        mistake = f"damage ({atomic.first_line(error)})"
    if mistake:
        raise ValueError(
            "The weights cannot be read. Expected a file of plain arrays of real "
            "numbers in groups, all in the file itself. "
            f"Received: {path} with {mistake}"
        )


def datasets(group):
    """Lists the arrays of a group, whatever the depth.

    Args:
        group: A group of a file that was checked; anything else has none.

    Returns:
        A dict from name, such as `conv1_1/0`, to the `h5py.Dataset`.
    """
    found, left = {}, [("", group)]
    while left:
        name, item = left.pop()
        if isinstance(item, h5py.Dataset) and name:
            found[name] = item
        elif isinstance(item, h5py.Group):
            below = f"{name}/" if name else ""
            left += [(f"{below}{child}", item[child]) for child in reversed(list(item))]
    return found


def _mistake(file, size):
    """Returns what `check` refuses in a file, or None."""
    groups, seen, claimed = [file], {_address(file)}, 0
    while groups:
        group = groups.pop()
        for name in group:
            where = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                return f"{where}, a link"
            item = group[name]
            if isinstance(item, h5py.Dataset):
                mistake = _dataset_mistake(item)
                if mistake:
                    return f"{where}, {mistake}"
                claimed += _claimed(item)
            elif not isinstance(item, h5py.Group):
                return f"{where}, a stored type"
            elif _address(item) in seen:
                return f"{where}, a group that is in two places"
            else:
                seen.add(_address(item))
                groups.append(item)
    if claimed > MOST_EXPANSION * size:
        return f"arrays of {claimed:,} bytes in {size:,}"
    return None


def _dataset_mistake(dataset):
    # First, as asking a virtual dataset for its shape may open its sources.
    if dataset.is_virtual:
        return "an array made of others"
    if dataset.external:
        return "an array in another file"
    if dataset.shape is None or dataset.dtype.kind not in "fiu":
        return f"values of type {dataset.dtype}"
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if not _FILTERS.issuperset(filters):
        return "a filter of another library"
    return None


def _claimed(dataset):
    """Returns the bytes that reading takes: a whole chunk, or all values."""
    # Not `dataset.size`, which overflows.
    values = max(math.prod(dataset.shape), math.prod(dataset.chunks or ()))
    return values * dataset.dtype.itemsize


def _address(item):
    # Of an object, whatever the names that lead to it.
    return h5py.h5o.get_info(item.id).addr
