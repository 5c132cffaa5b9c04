"""Spellings of one place."""

import os

import pytest

from selfsup import paths


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_spellings_of_a_place_are_one(home):
    spellings = ["photos", "./photos/", "~/photos", "link", "link/../photos"]
    spellings += [f"../{home.name}/photos", str(home / "photos")]
    assert {paths.place(path) for path in spellings} == {str(home / "photos")}
    assert paths.place("other") == str(home / "other")
    given = ("link", "~", "photos")
    assert paths.place(given) == (str(home / "photos"), str(home))


def test_what_is_no_path_stays(home):
    for value in (None, "tfds:~/train"):
        assert paths.place(value) is paths.absolute(value) is value


def test_absolute_paths_mean_the_same_from_every_folder(home):
    assert paths.absolute("~/VOC") == str(home / "VOC")
    # Links stay: they may be turned to another place on purpose.
    assert paths.absolute("link/") == str(home / "link")


def test_places_of_files_are_those_of_each(home):
    (home / "photos" / "a.jpg").write_bytes(b"")
    (home / "b.jpg").symlink_to("link/a.jpg")
    given = ["photos/a.jpg", "link/a.jpg", "b.jpg", "missing/c.jpg", "d.jpg"]
    expected = [os.path.realpath(path) for path in given]
    assert paths.file_places(given) == expected
    assert len(set(expected)) == 3
