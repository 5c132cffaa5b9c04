"""Written lists say the same when they are read."""

import pytest

from selfsup import data


@pytest.fixture
def opened(tmp_path):
    """Photographs of awkward names, in a folder beside that of the lists."""
    names = ["dog/a b.jpg", "dog/x 1", "great cat/#c.jpg", "great cat/ü\u202fd.jpg"]
    for name in [n if "." in n else n + ".jpg" for n in names]:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return data.open_labeled(tmp_path / "photos")[0]


def same(one, other):
    rows = [
        sorted(
            (samples.name(index), samples.classes[label])
            for index, label in enumerate(samples.labels)
        )
        for samples in (one, other)
    ]
    return rows[0] == rows[1] and one.classes == other.classes


@pytest.mark.parametrize("place", ["list.txt", "photos/list.txt", "other/list.txt"])
def test_a_written_list_is_read_as_it_was(opened, tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    data.write_list(opened, path)
    assert same(data.open_labeled(path)[0], opened)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    start = {"list.txt": "photos/", "photos/list.txt": ""}
    begin = start.get(place, f"{tmp_path}/photos/")
    assert first == f"{begin}dog/a b.jpg\tdog"
    assert (path.parent / "classes.txt").read_text() == "dog\ngreat cat\n"
    # The same list once more is no other.
    data.write_list(opened, path)


@pytest.mark.parametrize("name", ["#a.jpg", "~a.jpg", " a.jpg", "\u00a0a.jpg"])
def test_beginnings_that_mean_something_else(tmp_path, name):
    for path in (name, "b.jpg"):
        (tmp_path / path).touch()
    (tmp_path / "l").mkdir()
    (tmp_path / "l" / "list.txt").write_text(f".././{name}\tx\n../b.jpg\ty\n")
    opened, _ = data.open_labeled(tmp_path / "l" / "list.txt")
    data.write_list(opened, tmp_path / "list.txt")
    again, _ = data.open_labeled(tmp_path / "list.txt")
    assert {key.removeprefix("./") for key in again.keys} == {name, "b.jpg"}
    assert again.classes == ("x", "y")


@pytest.mark.parametrize(
    "photo, label", [("a\nb.jpg", "x"), ("a\tb.jpg", "x"), ("a.jpg", "#x")]
)
def test_names_that_no_line_can_hold_are_refused(tmp_path, photo, label):
    for name in (f"{label}/{photo}", "y/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    opened, _ = data.open_labeled(tmp_path)
    with pytest.raises(ValueError, match="can't stand in a list") as caught:
        data.write_list(opened, tmp_path / "list.txt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "list.txt").exists()


def test_names_of_other_classes_are_left_alone(opened, tmp_path):
    (tmp_path / "classes.txt").write_text("bird\n")
    with pytest.raises(ValueError, match="classes.txt.*other classes"):
        data.write_list(opened, tmp_path / "list.txt")
    assert (tmp_path / "classes.txt").read_text() == "bird\n"
    assert not (tmp_path / "list.txt").exists()
