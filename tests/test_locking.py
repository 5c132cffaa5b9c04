"""One process a folder; what a killed one leaves does not stand in the way."""

import os
import select
import subprocess
import sys

import pytest

from selfsup import locking

_PROGRAM = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("locking", {locking.__file__!r})
locking = importlib.util.module_from_spec(spec)
spec.loader.exec_module(locking)
try:
    with locking.locked(*sys.argv[1:3], wait=len(sys.argv) > 3):
        print("locked", flush=True)
        sys.stdin.read()
except BlockingIOError as error:
    print(error)
"""


def _start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_another_process_is_refused_by_host_and_process(tmp_path):
    with locking.locked(tmp_path), _start(tmp_path) as other:
        text, _ = other.communicate()
    expected = f"Received: {tmp_path}, used by process {os.getpid()} on {os.uname()[1]}"
    assert text.strip().endswith(expected)


def test_a_kill_leaves_no_lock(tmp_path):
    with _start(tmp_path) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(BlockingIOError, match=f"process {other.pid} on "):
            with locking.locked(tmp_path):
                pass
        other.kill()
    with locking.locked(tmp_path):
        text = (tmp_path / locking.NAME).read_text()
    assert text.startswith(f"process {os.getpid()} on ")


def test_locks_of_other_names_do_not_meet(tmp_path):
    with locking.locked(tmp_path), _start(tmp_path, ".other") as other:
        assert other.stdout.readline() == "locked\n"
        other.communicate()


def test_a_process_that_waits_comes_next(tmp_path):
    with locking.locked(tmp_path):
        other = _start(tmp_path, locking.NAME, "wait")
        assert not select.select([other.stdout], [], [], 0.5)[0]
    with other:
        assert other.stdout.readline() == "locked\n"
        other.communicate()


def test_a_lock_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / locking.NAME).mkdir()
    with pytest.raises(OSError, match=f"Received: {tmp_path / locking.NAME}"):
        with locking.locked(tmp_path):
            pass
