"""Opening sources and splitting off the held-out part."""

import os
import pathlib
import shutil

import pytest

from selfsup import data
from selfsup.data import files


def names(images):
    return [images.name(index) for index in range(len(images))]


def both(*args, **kwargs):
    parts = [data.open_images(*args, subset=s, **kwargs) for s in ("train", "val")]
    return [names(part) for part in parts]


@pytest.fixture
def folder(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("fraction, count", [(0.001, 1), (0.1, 2), (0.5, 10)])
def test_split_is_disjoint_and_exhaustive(folder, fraction, count):
    train, val = both([folder], val_fraction=fraction)
    assert len(val) == count
    assert sorted(train + val) == names(data.open_images([folder]))


def test_split_depends_on_the_seed_and_not_on_the_place(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    splits = [
        [os.path.basename(path) for path in both([place], val_fraction=0.5, seed=s)[1]]
        for place, s in [(folder, 1), (copy, 1), (folder, 2)]
    ]
    assert splits[0] == splits[1] != splits[2]


def test_new_files_leave_the_others_in_training(folder):
    before, _ = both([folder], val_fraction=0.2)
    (folder / "new.jpg").write_bytes(b"")
    after, val = both([folder], val_fraction=0.2)
    # Both parts have one place at most that changed hands.
    assert len(set(before) & set(val)) <= 1


def test_a_file_named_by_two_sources_stays_on_one_side(folder):
    (folder / "list.txt").write_text("\n".join(f"{n:02}.jpg" for n in range(20)))
    train, val = both([folder, folder / "list.txt"], val_fraction=0.3)
    assert len(train) + len(val) == 40
    assert not set(train) & set(val)


@pytest.mark.parametrize("fraction, scenes", [(0.05, 1), (0.1, 2), (0.25, 4)])
def test_embedded_photographs_are_split_by_scene(fraction, scenes):
    train, val = both(val_fraction=fraction)
    train_scenes, val_scenes = (
        {files.photo_scene(path) for path in part} for part in (train, val)
    )
    assert len(val_scenes) == scenes and len(train_scenes) == 18 - scenes
    assert not train_scenes & val_scenes


def test_held_out_sources_leave_all_of_the_data(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "x.jpg"
    other.write_bytes(b"")
    train, val = both([folder], val_specs=[other], val_fraction=0.5)
    assert len(train) == 20 and val == [str(other)]


def test_all_ignores_the_fraction(folder):
    assert len(data.open_images([folder], val_fraction=0.5, subset="all")) == 20


def test_one_image_can_not_be_split(folder):
    with pytest.raises(ValueError, match="Received: 1 files, val_fraction=0.1"):
        data.open_images([folder / "00.jpg"], val_fraction=0.1, subset="train")


@pytest.mark.parametrize("spec", ["missing", "missing/*.tfrecord", "http://x/y.jpg"])
def test_a_missing_source_lists_what_is_accepted(spec):
    with pytest.raises(FileNotFoundError, match="folder, a list file.*tfds:NAME/SPLIT"):
        data.open_images([spec])


def test_a_single_image_is_a_source():
    photo = pathlib.Path(files.embedded_photos()[0])
    assert names(data.open_images([photo])) == [str(photo)]
