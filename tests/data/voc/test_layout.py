"""The folders, lists and class names of VOC's layout."""

import pytest

from selfsup.data.voc import layout


def make(folder):
    (folder / "ImageSets").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("inside", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_the_folder_is_found_from_above(tmp_path, inside):
    expected = make(tmp_path / inside)
    make(tmp_path / "VOCdevkit" / "VOC2007")
    assert layout.resolve(tmp_path, 2012) == str(expected)
    assert layout.resolve(str(expected), 2007) == str(expected)


def test_the_year_decides(tmp_path):
    make(tmp_path / "VOC2007")
    make(tmp_path / "VOC2012")
    assert layout.resolve(tmp_path, 2007) == str(tmp_path / "VOC2007")
    assert layout.resolve(tmp_path, 2012) == str(tmp_path / "VOC2012")


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing.*Expected.*none'"):
        layout.resolve(tmp_path / "none", 2012)


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(ValueError, match="ImageSets.*VOC2012.*with .'holiday'"):
        layout.resolve(tmp_path, 2012)


def test_default_classes(tmp_path):
    names = layout.class_names(tmp_path, background=True)
    assert len(names) == 21 and names[0] == "background"
    # Indices in VOC's masks.
    assert names.index("aeroplane") == 1 and names.index("person") == 15
    assert names[20] == "tvmonitor"
    assert layout.class_names(tmp_path, background=False) == names[1:]
    assert list(names[1:]) == sorted(names[1:])


def test_own_classes(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("\nroad marking \nbackground\n\n sky\n", encoding="utf-8-sig")
    expected = ("road marking", "background", "sky")
    assert layout.class_names(tmp_path, background=True) == expected
    assert layout.class_names(tmp_path, False) == ("road marking", "sky")


@pytest.mark.parametrize(
    "content, background, message",
    [
        (b"sky\ncar\nsky\n", True, "'sky' in 2 lines"),
        (b"\n \n", True, "lists no names"),
        (b"background\n", False, "Expected 1 to 255.*Received: 0"),
        (b"\n".join(b"%d" % i for i in range(256)), True, "Received: 256"),
        (b"\xff\xfe\xfa", True, "UTF-8"),
    ],
)
def test_bad_class_files(tmp_path, content, background, message):
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(ValueError, match=f"classes.txt.*{message}"):
        layout.class_names(tmp_path, background)


def test_255_classes_are_fine(tmp_path):
    (tmp_path / "classes.txt").write_text("\n".join(map(str, range(255))))
    assert len(layout.class_names(tmp_path, True)) == 255


def test_splits(tmp_path, tools):
    path = tmp_path / "ImageSets" / "Main" / "train.txt"
    tools.write_lines(path, ["b", "", " a ", "c"])
    names, listed = layout.read_split(tmp_path, "Main", "train")
    assert [entry.name for entry in names] == ["b", "a", "c"]
    assert listed == str(path)


def test_a_missing_split_lists_those_that_exist(tmp_path, tools):
    for name in ("train", "val", "cat_train", "dog_val"):
        tools.write_lines(tmp_path / f"ImageSets/Main/{name}.txt", ["x"])
    with pytest.raises(FileNotFoundError, match=r"one of \['train', 'val'\].*'test'"):
        layout.read_split(tmp_path, "Main", "test")
    with pytest.raises(FileNotFoundError, match=r"one of \[\].*Segmentation/test.txt"):
        layout.read_split(tmp_path, "Segmentation", "test")


@pytest.mark.parametrize(
    "lines, message",
    [([], "lists no names"), (["x", "y", "x"], "'x' in 2 lines")],
)
def test_bad_splits(tmp_path, tools, lines, message):
    tools.write_lines(tmp_path / "ImageSets/Main/train.txt", lines)
    with pytest.raises(ValueError, match=f"train.txt.*{message}"):
        layout.read_split(tmp_path, "Main", "train")


def test_images_of_three_extensions(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    for name in ("a.jpeg", "b.png", "c.jpg", "c.png"):
        (tmp_path / "JPEGImages" / name).touch()
    found = layout.find_images(tmp_path, ["c", "a", "b"], "here")
    assert [path.rpartition("/")[2] for path in found] == ["c.jpg", "a.jpeg", "b.png"]


def test_missing_images_are_counted_and_the_first_is_named(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "b.jpg").touch()
    with pytest.raises(FileNotFoundError) as caught:
        layout.find_images(tmp_path, ["b", "x", "y"], "SPLIT.txt")
    message = str(caught.value)
    assert "JPEGImages/x.jpg" in message and "y.jpg" not in message
    assert "SPLIT.txt" in message and message.endswith("Received: 2 of 3 missing")
