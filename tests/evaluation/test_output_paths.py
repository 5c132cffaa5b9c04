"""Every image has its own result, and nothing is replaced unasked."""

import os

import pytest

from selfsup.evaluation import output_paths


@pytest.fixture
def tree(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path

    return make


def _names(jobs, output):
    return [str(job.target.relative_to(output)) for job in jobs]


def test_folders_keep_their_paths_and_files_their_names(tree):
    root = tree("in/b.tif", "in/deep/er/a.b.JPG", "in/notes.txt", "c.webp")
    jobs = output_paths.plan([root / "in", root / "c.webp"], root / "out", "png")
    assert _names(jobs, root / "out") == ["b.png", "deep/er/a.b.png", "c.png"]
    assert [job.source.name for job in jobs] == ["b.tif", "a.b.JPG", "c.webp"]


def test_equal_names_get_their_old_endings(tree):
    root = tree("in/a.jpg", "in/a.png", "in/b.jpg")
    jobs = output_paths.plan([root / "in"], root / "out", "png")
    assert _names(jobs, root / "out") == ["a.jpg.png", "a.png.png", "b.png"]


def test_what_is_still_equal_gets_numbers(tree):
    root = tree("x/a.jpg", "y/a.jpg", "z/A.JPG", "z/a.jpg.gif", "w/a.jpg-2.bmp")
    paths = [root / n for n in ("x", "y/a.jpg", "z/A.JPG", "z/a.jpg.gif", "w")]
    names = _names(output_paths.plan(paths, root / "out", "png"), root / "out")
    assert names[:3] == ["a.jpg.png", "a.jpg-2.png", "A.JPG-3.png"]
    assert names[3:] == ["a.jpg.gif.png", "a.jpg-2.bmp.png"]
    assert len({name.casefold() for name in names}) == 5


def test_reserved_names_are_not_taken(tree):
    root = tree("sheet.jpg")
    jobs = output_paths.plan([root / "sheet.jpg"], root / "o", "png", ["sheet.png"])
    assert _names(jobs, root / "o") == ["sheet.jpg.png"]


def test_an_image_named_twice_comes_once(tree):
    root = tree("in/a.jpg")
    os.symlink(root / "in" / "a.jpg", root / "in" / "link.jpg")
    inputs = [root / "in", root / "in" / "a.jpg", root / "in" / ".." / "in"]
    jobs = output_paths.plan(inputs, root / "out", "png")
    assert _names(jobs, root / "out") == ["a.png"]


def test_results_of_an_earlier_call_are_not_read(tree):
    root = tree("in/a.jpg", "in/out/a.png")
    jobs = output_paths.plan([root / "in"], root / "in" / "out", "png")
    assert _names(jobs, root / "in" / "out") == ["a.png"]
    # Named by itself it is an input.
    jobs = output_paths.plan([root / "in" / "out"], root / "other", "png")
    assert len(jobs) == 1


@pytest.mark.parametrize("output", ["in", "in/../in"])
def test_an_image_is_never_replaced_by_its_result(tree, output):
    root = tree("in/a.png", "in/b.jpg")
    with pytest.raises(ValueError, match="1 results would replace.*a.png"):
        output_paths.plan([root / "in" / "a.png"], root / output, "png")
    # Beside it is allowed where the names differ; a folder would grow each time.
    jobs = output_paths.plan([root / "in" / "b.jpg"], root / output, "png")
    assert _names(jobs, root / output) == ["b.png"]
    with pytest.raises(ValueError, match="Expected another folder.*Received: .*in$"):
        output_paths.plan([root / "in"], root / output, "png")


def test_missing_inputs_are_named(tree):
    with pytest.raises(FileNotFoundError, match="does not exist.*nowhere.jpg"):
        output_paths.plan([tree() / "nowhere.jpg"], tree() / "out", "png")


def test_no_inputs_are_an_error(tree):
    with pytest.raises(ValueError, match="no images. Expected .*Received: none"):
        output_paths.plan([], tree() / "out", "png")
    root = tree("in/out/a.png")
    with pytest.raises(ValueError, match="no images. Expected .*Received: .*in"):
        output_paths.plan([root / "in"], root / "in" / "out", "png")


def test_existing_results_are_counted(tree):
    root = tree("a.png", "b.png", "c.png", "d.png")
    paths = [root / f"{letter}.png" for letter in "abcdef"]
    with pytest.raises(ValueError, match="4 of 6 results exist.*a.png.* and 1 more"):
        output_paths.check_free(paths, overwrite=False)
    output_paths.check_free(paths, overwrite=True)
    output_paths.check_free(paths[4:], overwrite=False)
