"""Atomic writing of files."""

import contextlib
import os
import pathlib


def first_line(error):
    """Returns what an error says in its first line, without graph nodes' names.

    Args:
        error: An exception.
    """
    text = getattr(error, "strerror", None) or str(error).strip()
    return (text or type(error).__name__).splitlines()[0].split("}} ")[-1]


@contextlib.contextmanager
def write(path):
    """Lets a file be written beside its place, and puts it there when done.

    A failure or a kill leaves the old file as it was; a failure leaves nothing
    else behind.

    Args:
        path: Path of the file.

    Yields:
        The path to write to; it has the same ending.

    Raises:
        OSError: If the file cannot be written; it names `path`.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{path.stem}-unfinished{path.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise OSError(
            "A file could not be written. Expected a writable folder with room for "
            f"it. Received: {path} ({first_line(error)})"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
