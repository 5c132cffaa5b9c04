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


def test_what_is_no_photograph_of_the_user_is_passed_over(tmp_path, caplog):
    expected = [
        touch(tmp_path / name)
        for name in ("a.jpg", "b/IMG.AVIF", "my.thumbs/c.jpg", "@home/d.png")
    ]
    others = (
        *("._a.jpg", "b/._IMG.AVIF", ".hidden.png", ".DS_Store", "Thumbs.db"),
        *(
            ".git/x.jpg",
            ".thumbnails/normal/x.png",
            ".Trash/x.jpg",
            ".Trash-1000/x.jpg",
        ),
        *("@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "b/@eaDir/x.jpg", "#recycle/x.jpg"),
        *(
            "__MACOSX/._a.jpg",
            "__MACOSX/b/a.jpg",
            "$RECYCLE.BIN/x.jpg",
            ".@__thumb/x.jpg",
        ),
        *("lost+found/x.jpg", "b/Thumbnails/x.jpg", "@Recycle/x.jpg"),
    )
    for name in others:
        touch(tmp_path / name)
    with caplog.at_level("INFO", logger="absl"):
        for _ in range(2):
            assert files.find_images(str(tmp_path)) == sorted(expected)
    (line,) = caplog.messages
    assert line.endswith("3 hidden files, 13 hidden or thumbnail folders")


def test_a_hidden_folder_that_is_named_is_read(tmp_path):
    expected = touch(tmp_path / ".thumbnails" / "a.jpg")
    assert files.find_images(str(tmp_path / ".thumbnails")) == [expected]


def test_image_files_of_kinds_that_are_not_read_are_counted(tmp_path, caplog):
    for name in ("a.HEIC", "b/c.heic", "d.jxl", "b/e.Cr2", "notes.txt", "._f.heic"):
        touch(tmp_path / name)
    counts = "1 .cr2, 2 .heic, 1 .jxl"
    with pytest.raises(ValueError, match=f"5 other files; not read are {counts}$"):
        files.find_images(str(tmp_path))
    (tmp_path / "list.txt").write_text("a.HEIC\nb/c.heic 3\n")
    with pytest.raises(ValueError, match="names no images that are read.*2 .heic$"):
        files.read_list(str(tmp_path / "list.txt"))
    assert not caplog.messages
    photo = touch(tmp_path / "photo.jpg")
    (tmp_path / "list.txt").write_text("a.HEIC\nphoto.jpg\n")
    assert files.find_images(str(tmp_path)) == [photo]
    assert files.read_list(str(tmp_path / "list.txt")) == [photo]
    of_folder, of_list = caplog.messages
    assert of_folder.endswith(f": {counts}") and of_list.endswith("list.txt: 1 .heic")


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


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x18ftypheic\x00",
        b"\xff\xd8\xff\xe0\x00\x10ftyp",
        b"ok.jpg\nftyp\x1b[31mred\x07.jpg\n",
    ],
)
def test_content_that_is_no_text_is_not_shown(tmp_path, content):
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="can't be read as a list") as caught:
        files.read_list(str(path))
    assert str(caught.value).isprintable() and "ftyp" not in str(caught.value)


def test_a_wrong_line_of_many_is_named_at_once(tmp_path):
    touch(tmp_path / "a.jpg")
    lines = ["a.jpg 1"] * 100_000
    lines[70_000] = "b" * 5000 + ".jpg"
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(FileNotFoundError, match="line 70001, .*'bbb") as caught:
        files.read_list(str(path))
    assert len(str(caught.value)) < 500


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


@pytest.mark.parametrize(
    "line, expected",
    [
        ("a.jpg 3", ("a.jpg", "3")),
        ("my photo.jpg  cat", ("my photo.jpg", "cat")),
        ("my photo.jpg\tgreat cat", ("my photo.jpg", "great cat")),
        ("a\tb.jpg \t cat", ("a\tb.jpg", "cat")),
        ("photo.jpg", ("photo.jpg", "")),
    ],
)
def test_labels_behind_the_last_tab_or_the_last_space(line, expected):
    assert files.split_label(line) == expected


def test_files_of_records_are_not_passed_over_in_silence(tmp_path, caplog):
    inside = tmp_path / "records"
    inside.mkdir()
    (inside / "a.tfrecord").touch()
    for folder in (tmp_path, inside):
        with pytest.raises(ValueError, match="without manifest.json.*1 files, such as"):
            files.find_images(str(folder))
    (inside / "manifest.json").touch()
    with pytest.raises(ValueError, match=f"in place of {inside}$"):
        files.find_images(str(tmp_path))
    (tmp_path / "a.jpg").touch()
    with caplog.at_level("WARNING", logger="absl"):
        assert files.find_images(str(tmp_path)) == [str(tmp_path / "a.jpg")]
    assert f"1 files, such as {inside / 'a.tfrecord'}" in caplog.text
