"""Atomic writing of files and folders."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import uuid

# Names of unfinished folders begin with this; to a model server they are no numbers.
_UNFINISHED = ".unfinished-"


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
    # Short, as the file's name may have all of the 255 bytes that systems allow. What
    # a kill leaves is overwritten by the next attempt.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    unfinished = path.with_name(f".{digest}-unfinished{path.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise _not_written("file", path, error) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


@contextlib.contextmanager
def write_folder(path):
    """Lets a folder be written beside its place, and puts it there when done.

    A failure leaves nothing behind. A kill leaves a hidden folder, which the next
    call for the same parent removes.

    Args:
        path: Path of the folder; missing parents are made.

    Yields:
        The path to write to; it does not exist yet.

    Raises:
        OSError: If the folder cannot be written, or there is one with content
            already; it names `path`.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{_UNFINISHED}*"):
            # Renamed first: if it is being written, its writer fails rather than
            # puts half of it in place.
            with contextlib.suppress(OSError):
                left.rename(unfinished)
            shutil.rmtree(unfinished, ignore_errors=True)
        yield unfinished
        unfinished.rename(path)
    except OSError as error:
        raise _not_written("folder", path, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _not_written(what, path, error):
    return OSError(
        f"A {what} could not be written. Expected a writable folder with room for "
        f"it. Received: {path} ({first_line(error)})"
    )
