"""Labeled photographs of folders, lists and TensorFlow Datasets."""

import os
import pathlib
import shutil

import numpy as np
import pytest

from selfsup import data
from selfsup.data import batching, labelled


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def content(samples):
    """Pairs of the name inside the source and of the class."""
    names = [samples.classes[label] for label in samples.labels]
    return list(zip(samples.keys, names, strict=True))


@pytest.fixture
def folder(tmp_path):
    touch(tmp_path, "dog/b.jpg", "dog/a.JPEG", "great cat/c.png", "ant/deep/d.jpg")
    touch(tmp_path, ".git/x.jpg", "@eaDir/y.jpg", "dog/._a.JPEG", "dog/notes.txt")
    return tmp_path


def test_a_folder_for_each_class(folder):
    samples, held_out = data.open_labeled(folder)
    assert held_out is None
    assert samples.classes == ("ant", "dog", "great cat")
    assert samples.labels.dtype == np.int64
    assert content(samples) == [
        ("ant/deep/d.jpg", "ant"),
        ("dog/a.JPEG", "dog"),
        ("dog/b.jpg", "dog"),
        ("great cat/c.png", "great cat"),
    ]
    assert samples.name(1) == str(folder / "dog/a.JPEG")
    assert data.open_labeled(f"{folder}/")[0].keys == samples.keys


def test_parts_beside_other_folders_are_refused(tmp_path):
    touch(tmp_path, "train/a/x.jpg", "train/b/y.jpg", "validation/a/z.jpg")
    with pytest.raises(ValueError, match="Received: 'train' and 'validation'"):
        data.open_labeled(tmp_path)


def test_the_images_are_those_of_a_plain_folder(folder):
    samples, _ = data.open_labeled(folder)
    assert samples.keys == data.open_images([folder]).keys


def test_kinds_that_are_not_read_are_counted_once(folder, caplog):
    touch(folder, "dog/e.heic", "ant/f.CR2")
    data.open_labeled(folder)
    assert [m for m in caplog.messages if "not read" in m] == [
        f"Image files of kinds that are not read, left out of {folder}: 1 .cr2, 1 .heic"
    ]


def test_a_folder_in_two_parts(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "train/c/3.jpg")
    touch(tmp_path, "val/c/4.jpg", "val/a/5.jpg", "test/6.jpg", "list.csv")
    # The given fraction is not taken where there are held-out images.
    samples, held_out = data.open_labeled(tmp_path, val_fraction=0.5)
    assert content(samples) == [("a/1.jpg", "a"), ("b/2.jpg", "b"), ("c/3.jpg", "c")]
    assert samples.classes == held_out.classes == ("a", "b", "c")
    assert content(held_out) == [("a/5.jpg", "a"), ("c/4.jpg", "c")]
    for val_spec in (tmp_path, tmp_path / "val"):
        again = data.open_labeled(tmp_path, val_spec=val_spec)[1]
        assert content(again) == content(held_out)
    alone = data.open_labeled(tmp_path / "train")
    assert content(alone[0]) == content(samples) and alone[1] is None


def test_a_class_may_be_called_train(tmp_path):
    touch(tmp_path, "train/steam/1.jpg", "val/2.jpg", "bus/3.jpg")
    assert data.open_labeled(tmp_path)[0].classes == ("bus", "train", "val")


def test_a_list(tmp_path):
    touch(tmp_path, "x/a b.jpg", "c.jpg", "d.jpg", "e.jpg", "list/f.jpg")
    path = tmp_path / "list" / "list.txt"
    lines = ["# comment", "../x/a b.jpg  cat", f"{tmp_path}/c.jpg dog", ""]
    lines += ["../d.jpg\tgreat cat", "../e.jpg \t dog", "f.jpg cat"]
    path.write_text("\n".join(lines))
    samples, _ = data.open_labeled(str(path))
    assert samples.classes == ("cat", "dog", "great cat")
    assert content(samples) == [
        ("../c.jpg", "dog"),
        ("../d.jpg", "great cat"),
        ("../e.jpg", "dog"),
        ("../x/a b.jpg", "cat"),
        ("f.jpg", "cat"),
    ]
    # Without labels the same list serves pretraining.
    assert len(data.open_images([str(path)])) == 5


def test_names_of_classes_beside_a_list(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "list.txt").write_text("a.jpg cat\nb.jpg dog\n")
    (tmp_path / "classes.txt").write_text("dog\nbird\ncat\n")
    samples, _ = data.open_labeled(tmp_path / "list.txt")
    assert samples.classes == ("dog", "bird", "cat")
    assert samples.labels.tolist() == [2, 0]


def test_whole_numbers_are_sorted_by_value(tmp_path):
    touch(tmp_path, *(f"{number}.jpg" for number in range(12)))
    lines = [f"{number}.jpg {number}\n" for number in range(12)]
    (tmp_path / "list.txt").write_text("".join(lines))
    samples, _ = data.open_labeled(tmp_path / "list.txt")
    assert samples.classes == tuple(map(str, range(12)))


def test_a_file_counts_once(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "link.jpg").symlink_to("1.jpg")
    (tmp_path / "list.txt").write_text("a/1.jpg x\n./a/1.jpg x\nb/2.jpg y\n")
    assert data.open_labeled(tmp_path)[0].labels.tolist() == [0, 1]
    assert data.open_labeled(tmp_path / "list.txt")[0].labels.tolist() == [0, 1]


def test_batches_are_of_the_files_of_a_subset(tmp_path, photos):
    for number, path in enumerate(sorted(photos.glob("*.jpg"))[:6]):
        target = tmp_path / "abc"[number % 3] / path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    samples, _ = data.open_labeled(tmp_path)
    samples = samples.subset([5, 0, 2, 2])
    assert samples.labels.tolist() == [0, 1, 2] and len(samples.classes) == 3

    batches = batching.batches(
        samples,
        lambda index, encoded, seed: (index, encoded),
        lambda *batch: batch,
        batch_size=3,
        seed=1,
        salt=0,
        blank=lambda index: (index, ""),
    )
    indices, encoded = next(batches.as_numpy_iterator())
    assert sorted(indices) == [0, 1, 2]
    for index, read in zip(indices, encoded, strict=True):
        assert read == pathlib.Path(samples.name(index)).read_bytes()
    image = data.load_image(samples.name(1))
    np.testing.assert_array_equal(samples.image(1), image)


def numbered(folder, **counts):
    for name, count in counts.items():
        touch(folder, *(f"{name}/{number:03}.jpg" for number in range(count)))


def test_each_class_gives_its_share(tmp_path):
    numbered(tmp_path, a=100, b=20, c=4, d=2, e=1)
    samples, held_out = data.open_labeled(tmp_path, val_fraction=0.1, seed=3)
    assert np.bincount(held_out.labels, minlength=5).tolist() == [10, 2, 1, 1, 0]
    assert np.bincount(samples.labels, minlength=5).tolist() == [90, 18, 3, 1, 1]
    whole = data.open_labeled(tmp_path)[0]
    assert sorted(content(samples) + content(held_out)) == content(whole)
    # Never all of a class.
    most = labelled.split(whole, 0.99)[0]
    assert np.bincount(most.labels).tolist() == [1, 1, 1, 1, 1]


def test_the_held_out_choice_is_of_the_seed_and_the_names(tmp_path):
    numbered(tmp_path / "one", a=30, b=30)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    keys = [
        data.open_labeled(tmp_path / name, val_fraction=0.3, seed=seed)[1].keys
        for name, seed in (("one", 1), ("two", 1), ("one", 2))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_nothing_to_hold_out_is_an_error(tmp_path):
    numbered(tmp_path, a=1, b=1)
    with pytest.raises(ValueError, match="two or more. Received: 2 images of 2 class"):
        data.open_labeled(tmp_path, val_fraction=0.1)


@pytest.mark.parametrize(
    "names, message",
    [
        (["a/1.jpg", "b/notes.txt"], "without images.*each of 2 .*none in 'b'"),
        (["a/1.jpg", "b/2.jpg", "3.jpg"], "outside of class.*Received: 1, such as '3"),
        (["1.jpg", "2.jpg"], "outside of class folders.*Received: 2, such as '1.jpg'"),
        (["a/1.jpg"], "single class.*two classes or more. Received: 'a' in"),
        (["a/notes.txt"], "holds no images.*Received: 1 other files"),
        (["train/a/1.jpg", "train/b/2.jpg", "val/c/3.jpg"], "unknown class.*'c'"),
        (
            ["train/a/1.jpg", "train/b/2.jpg", "val/3.jpg"],
            "val has photographs out",
        ),
    ],
)
def test_bad_folders_are_named(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(ValueError, match=message) as caught:
        data.open_labeled(tmp_path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "text, classes, message",
    [
        ("a.jpg x\nb.jpg z\n", "x\ny\n", "line 2, has an unknown class.*'x', 'y'.*'z'"),
        ("a.jpg x\n./a.jpg y\n", None, "two classes.*'x' and 'y' for .*a.jpg'"),
        ("a.jpg x\nb.jpg\n", None, "line 2, has no label.*Received: .*b.jpg'"),
        ("a.jpg x\na b.jpg\n", None, "line 2, names a missing file.*: 'a b.jpg'"),
        ("a.jpg x\nmissing.jpg x\n", None, "line 2, names a missing file"),
        ("a.jpg x\nb.jpg x\n", None, "single class"),
        ("# nothing\n", None, "names no images"),
        ("a.jpg x\nb.jpg y\n", "x\nx\n", "a name twice"),
    ],
)
def test_bad_lists_are_named(tmp_path, text, classes, message):
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "list.txt").write_text(text)
    if classes:
        (tmp_path / "classes.txt").write_text(classes)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        data.open_labeled(tmp_path / "list.txt")
    assert "\n" not in str(caught.value)


def test_many_classes_are_not_all_shown(tmp_path):
    touch(tmp_path, *(f"train/{number}/a.jpg" for number in range(900)))
    touch(tmp_path, "val/x/a.jpg")
    with pytest.raises(ValueError, match="'4' and 895 more. Received: 'x'$"):
        data.open_labeled(tmp_path)


def test_a_source_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="class folders.*Received: .*nowhere'"):
        data.open_labeled(tmp_path / "nowhere")


def test_training_images_are_not_held_out(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg")
    os.symlink("../../train/b/2.jpg", tmp_path / "val" / "a" / "4.jpg")
    with pytest.raises(ValueError, match="held-out ones.*: 1 of both, .*2.jpg'"):
        data.open_labeled(tmp_path)


def test_held_out_lists_have_the_classes_of_training(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "v/3.jpg")
    (tmp_path / "v" / "val.txt").write_text("3.jpg b\n")
    spec = tmp_path / "v" / "val.txt"
    held_out = data.open_labeled(tmp_path / "train", val_spec=spec)[1]
    assert held_out.classes == ("a", "b") and held_out.labels.tolist() == [1]


def test_vanished_files_are_seen(folder):
    samples, _ = data.open_labeled(folder)
    (folder / "dog" / "b.jpg").unlink()
    assert [samples.has_vanished(n) for n in range(4)] == [False, False, True, False]
