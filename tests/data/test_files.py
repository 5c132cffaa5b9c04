"""Folders, list files and links."""

import os

import pytest

from selfsup.data import files


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return str(path)


def test_folders_are_read_recursively_sorted_and_in_any_case(tmp_path):
    expected = [
        touch(tmp_path / name)
        for name in ("B.JPG", "a/with space.png", "a/ä ö.Jpeg", "z/y/x.webp")
    ]
    touch(tmp_path / "notes.txt")
    assert files.find_images(str(tmp_path)) == sorted(expected)


def test_links_are_followed_and_loops_end(tmp_path):
    inside = touch(tmp_path / "data" / "one.jpg")
    touch(tmp_path / "elsewhere" / "two.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "link")
    os.symlink(tmp_path / "data", tmp_path / "data" / "loop")
    os.symlink(tmp_path / "data", tmp_path / "elsewhere" / "back")
    found = files.find_images(str(tmp_path / "data"))
    assert found == sorted([inside, str(tmp_path / "data" / "link" / "two.jpg")])


def test_links_to_files_and_names_that_are_no_text_are_found(tmp_path):
    one = touch(tmp_path / "elsewhere" / "one.jpg")
    (tmp_path / "data").mkdir()
    os.symlink(one, tmp_path / "data" / "link.jpg")
    # In a list of bytes, as no encoding has this name.
    other = os.fsencode(tmp_path / "data") + b"/\xff.jpg"
    with open(other, "wb"):
        pass
    found = files.find_images(str(tmp_path / "data"))
    expected = [str(tmp_path / "data" / "link.jpg"), os.fsdecode(other)]
    assert found == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    touch(tmp_path / "one.jpg")
    (tmp_path / "secret").mkdir(mode=0)
    with pytest.raises(PermissionError, match="secret"):
        files.find_images(str(tmp_path))


@pytest.mark.parametrize("names, received", [([], "0 other"), (["a.txt"], "1 other")])
def test_folders_without_images_are_an_error(tmp_path, names, received):
    for name in names:
        touch(tmp_path / name)
    with pytest.raises(ValueError, match=f"Received: {received}"):
        files.find_images(str(tmp_path))


def test_list_files(tmp_path):
    names = ["a.jpg", "sub/b c.png", "ü 7.jpg", "photo 12", "d.jpg"]
    for name in names:
        touch(tmp_path / "images" / name)
    lines = ["# comment", "a.jpg 3", "sub/b c.png", "", "ü 7.jpg -1", "photo 12"]
    path = tmp_path / "images" / "list.txt"
    absolute = str(tmp_path / "images" / "d.jpg")
    path.write_text("\ufeff" + "\r\n".join([*lines, absolute]), encoding="utf-8")
    found = files.read_list(str(path))
    assert found == [str(tmp_path / "images" / name) for name in names]


def test_a_list_that_names_a_missing_file_is_an_error(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# one\nmissing file.jpg 3\n")
    with pytest.raises(FileNotFoundError, match="line 2.*'missing file.jpg 3'"):
        files.read_list(str(path))


@pytest.mark.parametrize("content", [b"# only a comment\n\n", b"\xff\xfe\x00"])
def test_lists_without_paths_are_an_error(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="list.txt"):
        files.read_list(str(path))


def test_embedded_photographs_have_18_scenes():
    photos = files.embedded_photos()
    assert len(photos) == 46
    assert len({files.photo_scene(path) for path in photos}) == 18
