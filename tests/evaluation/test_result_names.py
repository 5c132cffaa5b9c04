"""Each image gets a name of its own for its result."""

import os
import re

import pytest

from selfsup.evaluation.result_names import result_paths


@pytest.fixture
def tree(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path

    return make


def _names(results, output):
    return [str(path.relative_to(output)) for path in results.values()]


def test_folders_keep_their_paths_and_files_their_names(tree):
    root = tree("in/b.tif", "in/deep/er/a.b.JPG", "in/notes.txt", "c.webp")
    results = result_paths([root / "in", root / "c.webp"], root / "out", "png")
    assert _names(results, root / "out") == ["b.png", "deep/er/a.b.png", "c.png"]
    assert [image.name for image in results] == ["b.tif", "a.b.JPG", "c.webp"]


def test_equal_names_get_their_old_endings(tree):
    root = tree("in/a.jpg", "in/a.png", "in/b.jpg")
    results = result_paths([root / "in"], root / "out", "png")
    assert _names(results, root / "out") == ["a.jpg.png", "a.png.png", "b.png"]


def test_what_is_still_equal_gets_numbers(tree):
    root = tree("x/a.jpg", "y/a.jpg", "z/A.JPG", "z/a.jpg.gif", "w/a.jpg-2.bmp")
    paths = [root / n for n in ("x", "y/a.jpg", "z/A.JPG", "z/a.jpg.gif", "w")]
    names = _names(result_paths(paths, root / "out", "png"), root / "out")
    assert names[:3] == ["a.jpg.png", "a.jpg-2.png", "A.JPG-3.png"]
    assert names[3:] == ["a.jpg.gif.png", "a.jpg-2.bmp.png"]
    assert len({name.casefold() for name in names}) == 5


def test_reserved_names_are_not_taken(tree):
    root = tree("Sheet.jpg")
    reserved = re.compile(r"sheet\.png")
    results = result_paths([root / "Sheet.jpg"], root / "o", "png", reserved)
    assert _names(results, root / "o") == ["Sheet.jpg.png"]


@pytest.mark.parametrize(
    "name",
    [
        "x" * 255,  # A file named by itself needs no ending.
        "x" * 251 + ".jpg",
        "写" * 83 + "x.tiff",
        "new\nline.jpg",
        "-dash.jpg",
        "..jpg",
        "...jpg",
        ".jpg",
        "a.",
        os.fsdecode(b"\xff\xfe.png"),
        os.fsdecode(b"\xff" * 251 + b".bmp"),
        "~nobody.jpg",
    ],
)
def test_every_legal_name_has_a_legal_result(tree, name):
    root = tree(f"in/{name}")
    (result,) = result_paths([root / "in" / name], root / "out", "png").values()
    assert result.parent == root / "out" and result.suffix == ".png"
    result.parent.mkdir()
    result.touch()
    (result.parent / result.name).stat()


def test_long_names_that_differ_in_the_end_stay_apart(tree):
    long = "x" * 251
    root = tree(f"in/{long}.jpg", f"in/{long}.png", f"in/{long}.bmp")
    names = _names(result_paths([root / "in"], root / "out", "png"), root / "out")
    assert len(set(names)) == 3 and max(map(len, names)) == 255


def test_composed_and_decomposed_letters_stay_apart_on_every_system(tree):
    root = tree("in/\u00e9.jpg", "in/e\u0301.jpg")
    names = _names(result_paths([root / "in"], root / "out", "png"), root / "out")
    assert names == ["e\u0301.jpg.png", "\u00e9.jpg-2.png"]


def test_a_result_does_not_take_the_name_of_a_folder(tree):
    root = tree("in/a.PNG/b.jpg", "in/a.jpg")
    names = _names(result_paths([root / "in"], root / "out", "png"), root / "out")
    assert names == ["a.PNG/b.png", "a.jpg.png"]


def test_home_is_expanded(tree, monkeypatch):
    root = tree("in/a.jpg", "~b.jpg")
    monkeypatch.setenv("HOME", str(root))
    results = result_paths(["~/in"], root / "out", "png")
    assert _names(results, root / "out") == ["a.png"]
    # What exists is taken as it is.
    monkeypatch.chdir(root)
    assert _names(result_paths(["~b.jpg"], root / "o", "png"), root / "o") == ["~b.png"]


def test_an_image_named_twice_comes_once(tree):
    root = tree("in/a.jpg")
    os.symlink(root / "in" / "a.jpg", root / "in" / "link.jpg")
    inputs = [root / "in", root / "in" / "a.jpg", root / "in" / ".." / "in"]
    results = result_paths(inputs, root / "out", "png")
    assert _names(results, root / "out") == ["a.png"]


def test_results_of_an_earlier_call_are_not_read(tree):
    root = tree("in/a.jpg", "in/out/a.png")
    results = result_paths([root / "in"], root / "in" / "out", "png")
    assert _names(results, root / "in" / "out") == ["a.png"]
    # Named by itself it is an input.
    results = result_paths([root / "in" / "out"], root / "other", "png")
    assert len(results) == 1


@pytest.mark.parametrize("output", ["in", "in/../in"])
def test_an_image_is_never_replaced_by_its_result(tree, output):
    root = tree("in/a.png", "in/b.jpg")
    with pytest.raises(ValueError, match="would replace an image.*Received: .*a.png"):
        result_paths([root / "in" / "a.png"], root / output, "png")
    # Beside it is allowed where the names differ; a folder would grow each time.
    results = result_paths([root / "in" / "b.jpg"], root / output, "png")
    assert _names(results, root / output) == ["b.png"]
    with pytest.raises(ValueError, match="Expected another folder.*Received: .*in$"):
        result_paths([root / "in"], root / output, "png")


def test_missing_inputs_are_named(tree):
    with pytest.raises(FileNotFoundError, match="does not exist.*nowhere.jpg"):
        result_paths([tree() / "nowhere.jpg"], tree() / "out", "png")


def test_no_inputs_are_an_error(tree):
    with pytest.raises(ValueError, match="no images. Expected .*Received: none"):
        result_paths([], tree() / "out", "png")
    root = tree("in/out/a.png")
    with pytest.raises(ValueError, match="no images. Expected .*Received: .*in"):
        result_paths([root / "in"], root / "in" / "out", "png")


def test_images_to_color_have_no_shares(tree):
    root = tree("in/a.jpg")
    with pytest.raises(ValueError, match="without =SHARE. Received: '.*/in=0.3'$"):
        result_paths([f"{root}/in=0.3"], root / "out", "png")
