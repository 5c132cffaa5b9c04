"""HDF5 files of other programs."""

import pathlib

import h5py

from selfsup import atomic

# What h5py, and Keras with it, raise for damaged files.
UNREADABLE = (EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError)


def opened(path):
    """Opens a file for reading.

    Args:
        path: Path of the file.

    Returns:
        A `h5py.File`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated or not HDF5.
    """
    if not pathlib.Path(path).is_file():
        raise FileNotFoundError(
            f"There are no weights. Expected a .h5 file of weights. Received: {path}"
        )
    try:
        return h5py.File(path)
    except OSError as error:
        raise ValueError(
            "The weights cannot be read: the file is truncated, damaged or not HDF5. "
            f"Expected a whole file. Received: {path} ({atomic.first_line(error)})"
        ) from error
