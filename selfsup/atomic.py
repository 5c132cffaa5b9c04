"""Atomic writing of files and folders."""

import contextlib
import functools
import hashlib
import os
import pathlib
import re
import shutil
import socket
import time
import uuid

# Of unfinished files: what they become, the machine and the process that write them.
_UNFINISHED_FILE = re.compile(
    r"\.[0-9a-f]{16}-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}-unfinished"
)

# Seconds after which an unfinished file of another machine is that of a killed process:
# one that writes changes it all the time.
_LONG_AGO = 24 * 3600

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
    else behind. Several processes may write the same file: the last one counts.

    Args:
        path: Path of the file.

    Yields:
        The path to write to; it has the same ending.

    Raises:
        OSError: If the file cannot be written; it names `path`.
    """
    path = pathlib.Path(path)
    _remove_left_once(path.parent, os.getpid())
    # Short, as the file's name may have all of the 255 bytes that systems allow.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    writer = f"{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    unfinished = path.with_name(f".{digest}-{writer}-unfinished{path.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise _not_written("file", path, error) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def remove_left(folder):
    """Removes unfinished files of processes that were killed, never of others.

    Those of another machine go when they were not changed for a day. The first `write`
    of a process to a folder does this too.

    Args:
        folder: Path of the folder; it may be missing.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _UNFINISHED_FILE.match(entry.name)
            with contextlib.suppress(OSError):
                if match is None or _is_written(entry, **match.groupdict()):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)


# Once, as a folder may hold as many files as are written to it.
@functools.cache
def _remove_left_once(folder, process):
    del process  # A forked one looks for itself.
    remove_left(folder)


def _is_written(entry, machine, process):
    """Returns whether an unfinished file may be that of a process that goes on."""
    if machine != _machine() or os.name != "posix":
        changed = entry.stat(follow_symlinks=False).st_mtime
        return abs(time.time() - changed) < _LONG_AGO
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # Another user's.
        pass
    return True


@functools.cache
def _machine():
    """Returns what tells apart where numbers of processes mean different ones."""
    try:
        # Containers may share a name.
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:  # No Linux.
        numbers = ""
    name = f"{socket.gethostname()} {numbers}"
    return hashlib.sha256(name.encode()).hexdigest()[:8]


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
