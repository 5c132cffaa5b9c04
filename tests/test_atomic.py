"""Files and folders appear complete, or not at all."""

import os
import subprocess
import sys

import pytest

from selfsup import atomic


def test_file_is_replaced_when_all_is_written(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with atomic.write(path) as unfinished:
        assert unfinished.suffix == ".json"
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError("no")])
def test_a_failure_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")
    with pytest.raises(type(error), match="no|could not be written.*a.png.*No space"):
        with atomic.write(path) as unfinished:
            unfinished.write_text("half")
            raise error
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "写" * 83 + "xx.png"])
def test_the_longest_names_are_written(name, tmp_path):
    assert len(name.encode()) == 255
    with atomic.write(tmp_path / name) as unfinished:
        unfinished.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_files_of_one_folder_do_not_meet(tmp_path):
    with atomic.write(tmp_path / "a.png") as one, atomic.write(tmp_path / "b.png") as b:
        one.write_text("a")
        b.write_text("b")
    assert (tmp_path / "a.png").read_text() == "a"


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.json"
    with atomic.write(path) as one:
        one.write_text("one")
        with atomic.write(path) as other:
            other.write_text("other")
        assert path.read_text() == "other"
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


_PROGRAM = f"""
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("atomic", {atomic.__file__!r})
atomic = importlib.util.module_from_spec(spec)
spec.loader.exec_module(atomic)
with atomic.write(sys.argv[1]) as unfinished:
    unfinished.write_text("half")
    unfinished.with_suffix(".folder").mkdir()
    print(unfinished, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_leaves_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        left = other.stdout.readline().strip()
        names = {p.name for p in tmp_path.iterdir()}
        assert len(names) == 2
        atomic.remove_left(tmp_path)
        assert {p.name for p in tmp_path.iterdir()} == names
        other.kill()
    # The number of a process says nothing of those of another machine.
    parts = os.path.basename(left).split("-")
    elsewhere = tmp_path / "-".join([parts[0], "0" * 8, *parts[2:]])
    elsewhere.write_text("half")
    atomic.remove_left(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [elsewhere.name]
    os.utime(elsewhere, (0, 0))
    atomic.remove_left(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_first_write_to_a_folder_removes_what_was_left(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.replace("sys.stdin.read()", "os._exit(1)")]
        + [str(tmp_path / "a.json")]
    )
    assert done.returncode == 1 and len(list(tmp_path.iterdir())) == 2
    with atomic.write(tmp_path / "b.json") as unfinished:
        unfinished.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["b.json"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match="could not be written.*gone/a.txt"):
        with atomic.write(tmp_path / "gone" / "a.txt") as unfinished:
            unfinished.write_text("x")


def test_a_folder_appears_when_all_is_written(tmp_path):
    path = tmp_path / "new" / "1"
    with atomic.write_folder(path) as unfinished:
        unfinished.mkdir()
        (unfinished / "a").write_text("x")
        assert not path.exists()
    assert [p.name for p in path.parent.rglob("*")] == ["1", "a"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError("no")])
def test_a_failure_leaves_no_folder(error, tmp_path):
    with pytest.raises(type(error), match="no|could not be written.*/1 .No space"):
        with atomic.write_folder(tmp_path / "1") as unfinished:
            unfinished.mkdir()
            raise error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_content_is_kept(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "theirs").touch()
    with pytest.raises(OSError, match="could not be written.*/1"):
        with atomic.write_folder(tmp_path / "1") as unfinished:
            unfinished.mkdir()
    assert [p.name for p in tmp_path.rglob("*")] == ["1", "theirs"]


def test_a_second_writer_stops_the_first_one_rather_than_sharing_its_folder(tmp_path):
    with pytest.raises(OSError, match="could not be written.*/1"):
        with atomic.write_folder(tmp_path / "1") as first:
            first.mkdir()
            (first / "half").touch()
            with atomic.write_folder(tmp_path / "2") as second:
                assert not first.exists()
                second.mkdir()
                (second / "whole").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["2", "whole"]
