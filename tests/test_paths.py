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


@pytest.mark.parametrize(
    "source, path, share",
    [
        ("photos=0.3", "photos", 0.3),
        ("~=1", "~", 1.0),
        ("a=b/*.tfrecord=1e-3", "a=b/*.tfrecord", 0.001),
        ("tfds:a/train[:10%]=0.5", "tfds:a/train[:10%]", 0.5),
        ("photos", "photos", None),
        ("photos=many", "photos=many", None),
        ("photos=", "photos=", None),
        ("~/link=2", "~/link=2", None),
    ],
)
def test_a_share_stands_behind_what_does_not_exist(home, source, path, share):
    (home / "link=2").mkdir()
    assert paths.split_share(source) == (path, share)


def test_shares_stay_behind_paths(home):
    (home / "link=0.30").mkdir()
    given = ("link=0.3", "~=0.3", "link=0.30", "tfds:a/train=0.3")
    photos = str(home / "photos")
    ours = (f"{home}=0.3", f"{home}/link=0.30", "tfds:a/train=0.3")
    assert paths.place(given) == (f"{photos}=0.3", *ours)
    assert tuple(map(paths.absolute, given)) == (f"{home}/link=0.3", *ours)
    assert paths.place("photos/=0.3") == paths.place("./link=0.3")


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
