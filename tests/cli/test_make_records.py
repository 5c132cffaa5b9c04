"""The tool of records: a folder of them, and one-line errors."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from selfsup import data, locking
from selfsup.cli import make_records

import tool_calls


@pytest.fixture(scope="module")
def few(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(photos.glob("*.jpg"))[:5]:
        shutil.copy(path, folder)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photograph")
    return folder


def _make(few, tmp_path, *flags):
    return tool_calls.call(
        make_records.TOOL,
        f"--data={few}",
        f"--output={tmp_path / 'records'}",
        "--processes=1",
        "--side=40",
        *flags,
    )


def test_jobs_side_by_side(few, tmp_path):
    folder = tmp_path / "records"
    first = _make(few, tmp_path, "--shards=3", "--shard_range=0/2")
    assert first.code == 0 and "Other jobs" in first.text, first.text
    assert len(list(folder.glob("*.tfrecord"))) == 2
    second = _make(few, tmp_path, "--shards=3", "--shard_range=1/2")
    assert "Not readable, left out: broken.jpg" in second.text
    assert "5 photographs in 3 shards" in second.text
    assert len(data.open_images([str(folder)])) == 5
    again = _make(few, tmp_path, "--shards=3")
    assert "5 photographs in 3 shards" in again.text


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--shard_range=3/3"], "shard_range='3/3'"),
        (["--shard_range=all"], "Expected"),
        (["--shards=0"], "shards=0"),
        (["--data=nowhere"], "Received: 'nowhere'"),
        (["--data=nowhere=0.3"], "without =SHARE. Received: 'nowhere=0.3'"),
        (["--quality=101"], "quality=101"),
    ],
)
def test_bad_calls_take_one_line(few, tmp_path, flags, message):
    line = _make(few, tmp_path, *flags).error_line()
    assert message in line or "must be JOB/JOBS" in line
    assert not (tmp_path / "records").exists()


def test_other_settings_and_photographs_are_refused(few, tmp_path):
    _make(few, tmp_path)
    line = _make(few, tmp_path, "--quality=80").error_line()
    assert "quality (there 95, now 80)" in line
    shutil.copytree(few, tmp_path / "photos")
    (tmp_path / "photos" / "broken.jpg").unlink()
    line = tool_calls.call(
        make_records.TOOL,
        f"--data={tmp_path / 'photos'}",
        f"--output={tmp_path / 'records'}",
        "--side=40",
    ).error_line()
    assert "data (there" in line


def test_the_same_job_twice_is_refused(few, tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    with locking.locked(folder, f"{locking.NAME}-1-of-2"):
        line = _make(few, tmp_path, "--shards=3", "--shard_range=1/2").error_line()
        assert "Another process works in this folder. Expected to be" in line
        assert f"Received: {folder}, used by process {os.getpid()}" in line
        other = _make(few, tmp_path, "--shards=3", "--shard_range=0/2")
        assert other.code == 0, other.text


@contextlib.contextmanager
def _started(few, folder):
    """Starts the tool; yields it and the processes that it starts, as they begin."""
    flags = f"--data={few} --output={folder} --shards=3 --processes=2 --side=40"
    tool = subprocess.Popen(
        [sys.executable, str(tool_calls.TOOLS / "make_records.py"), *flags.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    children = pathlib.Path(f"/proc/{tool.pid}/task/{tool.pid}/children")
    found = []
    with tool:
        try:
            while len(found) < 2 and tool.poll() is None:
                time.sleep(0.1)
                found = [x for x in children.read_text().split() if _is_spawned(x)]
            yield tool, found
        finally:
            tool.kill()


def _is_spawned(process):
    with contextlib.suppress(OSError):
        command = pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
        return b"spawn_main" in command
    return False


_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@_LINUX
@pytest.mark.slow
def test_a_killed_process_takes_one_line(few, tmp_path):
    with _started(few, tmp_path / "records") as (tool, processes):
        os.kill(int(processes[0]), signal.SIGKILL)
        text = tool.communicate(timeout=120)[0]
    line = tool_calls.Answer(tool.returncode, text).error_line()
    assert "A process that writes shards was lost" in line
    assert not any(map(_is_spawned, processes))
    assert "5 photographs in 3 shards" in _make(few, tmp_path, "--shards=3").text
    # What the killed one left half written was in the way of nothing, and is gone.
    assert not [*(tmp_path / "records").glob(".*-unfinished*")]


@_LINUX
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_tool(number, few, tmp_path):
    with _started(few, tmp_path / "records") as (tool, processes):
        if number == signal.SIGKILL:
            tool.kill()
        else:
            # As a terminal and a cluster do: to all.
            os.killpg(tool.pid, number)
        text = tool.communicate(timeout=120)[0]
    until = time.monotonic() + 120
    while any(map(_is_spawned, processes)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(_is_spawned, processes))
    if number != signal.SIGKILL:
        assert tool.returncode == 128 + number
        assert "Traceback" not in text
        assert text.strip().splitlines()[-1].startswith("Stopped. Go on with: ")


@pytest.mark.slow
def test_processes_side_by_side(few, tmp_path):
    answer = tool_calls.call_process(
        "make_records.py",
        *(f"--data={few}", f"--output={tmp_path / 'records'}", "--shards=3"),
        *("--processes=2", "--side=40"),
    )
    assert answer.code == 0, answer.text
    one = _make(few, tmp_path / "other", "--shards=3")
    assert one.code == 0, one.text
    for path in (tmp_path / "records").glob("*.tfrecord"):
        other = tmp_path / "other" / "records" / path.name
        assert path.read_bytes() == other.read_bytes()
