"""Files and folders appear complete, or not at all."""

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
