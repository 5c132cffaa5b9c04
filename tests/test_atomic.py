"""A file is replaced whole, or stays as it was."""

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


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match="could not be written.*gone/a.txt"):
        with atomic.write(tmp_path / "gone" / "a.txt") as unfinished:
            unfinished.write_text("x")
