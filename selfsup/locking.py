"""One process at a time writes to a folder."""

import contextlib
import os
import pathlib
import socket

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NAME = ".lock"


@contextlib.contextmanager
def locked(folder, name=NAME, wait=False):
    """Keeps other processes from the folder within this block.

    The lock belongs to the process: when it ends, however it ends, the system takes
    the lock back, on a network file system too. The file stays, and says nothing.

    Args:
        folder: Path of a folder; it exists.
        name: Name of the lock's file; processes with others do not meet.
        wait: Whether to wait for the other process.

    Raises:
        BlockingIOError: If another process has the folder; it is named. Not with
            `wait`.
        OSError: If the lock cannot be written.
    """
    path = pathlib.Path(folder, name)
    try:
        # Not emptied: it names the process that has the folder.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OSError(
            "A folder cannot be locked against other processes. Expected one that can "
            f"be written. Received: {path} ({error.strerror})"
        ) from error
    with open(descriptor, "r+", errors="replace") as file:
        if fcntl is not None:
            _lock(file, folder, wait)
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _lock(file, folder, wait):
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = file.read(200).strip() or "unknown"
        raise BlockingIOError(
            "Another process works in this folder. Expected to be the only one; wait "
            f"for it, or take another folder. Received: {folder}, used by {owner}"
        ) from error
    except OSError as error:
        raise OSError(
            "A folder cannot be locked against other processes. Expected a file system "
            f"with locks. Received: {folder} ({error.strerror})"
        ) from error
