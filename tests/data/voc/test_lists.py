"""What the lines of lists mean."""

import pytest

from selfsup.data.voc import lists


@pytest.fixture
def read(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    for name in ("a.jpg", "photo 12.JPG", "x.png.jpg", "# 1.jpg"):
        (tmp_path / "JPEGImages" / name).touch()

    def read(*lines):
        path = tmp_path / "train.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return [tuple(entry) for entry in lists.read(str(path), str(tmp_path))]

    return read


@pytest.mark.parametrize(
    "line, name, mask",
    [
        ("a", "a", None),
        ("a.jpg", "a", None),
        ("a 1", "a", None),
        ("a.JPEG  +1", "a", None),
        ("a 17", "a", None),
        ("a a.png", "a", "a.png"),
        ("JPEGImages/a.jpg Masks/a.PNG", "a", "Masks/a.PNG"),
        ("/data/VOC2012/JPEGImages/a.jpg\t/data/m/a.png", "a", "/data/m/a.png"),
        # What is a file's name is one.
        ("photo 12", "photo 12", None),
        ("photo 12.jpg", "photo 12", None),
        ("photo 12 0", "photo 12", None),
        ("photo 12.jpg m/photo12.png", "photo 12", "m/photo12.png"),
        ("x.png", "x.png", None),
        # A name that is missing is told by who looks for it.
        ("missing", "missing", None),
        ("sub/missing.png", "sub/missing", None),
    ],
)
def test_a_line_names_an_image(read, line, name, mask):
    assert read("", "# a comment", line, "   ") == [(name, mask)]


@pytest.mark.parametrize("line", ["a -1", "a b", "a.jpg 0.5", "a.jpg m.png 1 2.0"])
def test_other_lines_are_an_error(read, line):
    with pytest.raises(ValueError, match=f"line 2, is no image.*Received: '{line}'$"):
        read("x.png", line)


def test_one_image_under_two_spellings_is_an_error(read):
    with pytest.raises(ValueError, match="'a' in 2 lines"):
        read("a", "JPEGImages/a.jpg")
