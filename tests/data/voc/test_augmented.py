"""Opening splits, and the augmented set of VOC and SBD."""

import shutil

import numpy as np
import pytest

from selfsup.data import voc
from selfsup.data.voc import augmented


def test_a_folder_above_will_do(tmp_path, tiny):
    shutil.copytree(tiny.root, tmp_path / "VOCdevkit" / "VOC2012")
    samples = voc.open_segmentation(tmp_path, "val")
    assert samples.names == tuple(tiny.names[:2])
    assert samples.folder == str(tmp_path / "VOCdevkit" / "VOC2012")


def test_missing_files_are_named_when_opening(folder):
    folder.image(folder.names[1]).unlink()
    folder.mask(folder.names[0]).unlink()
    folder.mask(folder.names[4]).unlink()
    for split, message in (
        ("train", r"image is missing.*000001.jpg.*train.txt.*1 of 7 missing$"),
        ("odd", r"mask is missing.*000000.png.*odd.txt.*Received: 2 of 3 missing$"),
    ):
        folder.split("odd", [folder.names[i] for i in (2, 0, 4)])
        with pytest.raises(FileNotFoundError, match=message) as caught:
            voc.open_segmentation(folder.root, split)
        assert "\n" not in str(caught.value)


def test_bad_folders_and_splits(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="Received: '.*none'"):
        voc.open_segmentation(tmp_path / "none", "train")
    with pytest.raises(ValueError, match="holds no VOC data"):
        voc.open_segmentation(folder.root / "JPEGImages", "train")
    with pytest.raises(FileNotFoundError, match=r"\['train', 'val'\].*'trainval'"):
        voc.open_segmentation(folder.root, "trainval")
    folder.split("empty", [])
    with pytest.raises(ValueError, match="empty.txt lists no names"):
        voc.open_segmentation(folder.root, "empty")
    folder.split("twice", [folder.names[0]] * 2)
    with pytest.raises(ValueError, match="twice.txt lists a name twice"):
        voc.open_segmentation(folder.root, "twice")


# Of the seven images 0 and 1 are VOC's val, 2 and 3 its train; SBD has 1, 3, 4, 5;
# image 6 is in none of the lists.
TRAIN, VAL, SBD_TRAIN, SBD_VAL = (2, 3), (0, 1), (3, 4), (1, 5)


@pytest.fixture
def both(folder, tmp_path, tools):
    """A VOC folder, and SBD beside it whose masks are all class 7."""
    names = folder.names
    folder.split("train", [names[i] for i in TRAIN])
    folder.split("val", [names[i] for i in VAL])
    tools.write_lines(folder.root / "classes.txt", [f"c{i}" for i in range(21)])
    sbd = tmp_path / "benchmark_RELEASE" / "dataset"
    tools.write_lines(sbd / "train.txt", [names[i] for i in SBD_TRAIN])
    tools.write_lines(sbd / "val.txt", [names[i] for i in SBD_VAL])
    folder.split("all", names)
    samples = voc.open_segmentation(folder.root, "all")
    for i in SBD_TRAIN + SBD_VAL:
        mask = np.full(samples.image(i).shape[:2], 7, np.uint8)
        tools.save_mat(sbd / "cls" / f"{names[i]}.mat", mask)
    return folder


@pytest.mark.parametrize(
    "inside", ["", "benchmark_RELEASE", "benchmark_RELEASE/dataset"]
)
@pytest.mark.parametrize("sbd_masks_win", [False, True])
def test_the_augmented_set(both, tmp_path, tools, inside, sbd_masks_win):
    samples = voc.open_segmentation(
        both.root, "train_aug", tmp_path / inside, sbd_masks_win=sbd_masks_win
    )
    assert samples.names == tuple(both.names[i] for i in (2, 3, 4, 5))
    for index, name in enumerate(samples.names):
        assert samples.image_paths[index] == str(both.image(name))
        own = tools.mask_of(samples.image(index))
        from_sbd = index >= 2 or (index == 1 and sbd_masks_win)
        expected = np.full_like(own, 7) if from_sbd else own
        np.testing.assert_array_equal(samples.mask(index), expected)


def test_other_splits_do_not_need_it(both, tmp_path):
    samples = voc.open_segmentation(both.root, "val", sbd_dir=tmp_path / "none")
    assert samples.names == tuple(both.names[:2])


def test_names_of_the_augmented_set():
    names = augmented.augmented_names(["b", "d"], ["c", "x"], ["c", "e", "d", "a"])
    assert names == ("a", "b", "d", "e")


def test_the_lists_of_voc_2012_must_be_complete(both, tmp_path):
    (both.root / "classes.txt").unlink()
    message = "1464.*1449.*10582.*Received: {'train': 2, 'val': 2, 'train_aug': 4}"
    with pytest.raises(ValueError, match=message):
        voc.open_segmentation(both.root, "train_aug", tmp_path)


def test_counts():
    augmented.check_counts({"train": 1464, "val": 1449, "train_aug": 10582})
    augmented.check_counts({"train": 2}, {"train": 2})
    with pytest.raises(
        ValueError, match="Expected {'train': 3}.*Received: {'train': 2}"
    ):
        augmented.check_counts({"train": 2}, {"train": 3})


def test_bad_folders_of_the_semantic_boundaries_dataset(both, tmp_path):
    with pytest.raises(FileNotFoundError, match="Boundaries.*Received: '.*none'"):
        voc.open_segmentation(both.root, "train_aug", tmp_path / "none")
    with pytest.raises(ValueError, match="cls, train.txt, val.txt.*with .'Image"):
        voc.open_segmentation(both.root, "train_aug", both.root)
    (tmp_path / "benchmark_RELEASE/dataset/cls" / f"{both.names[4]}.mat").unlink()
    with pytest.raises(FileNotFoundError, match="mask is missing.*000004.mat"):
        voc.open_segmentation(both.root, "train_aug", tmp_path)


def test_the_prepared_augmented_set(folder, tools):
    names = folder.names[2:5]
    folder.split("train_aug", names)
    prepared = np.full([20, 24], 9)
    tools.save_mask(folder.mask(names[1], "SegmentationClassAug"), prepared)
    samples = voc.open_segmentation(folder.root, "train_aug")
    assert samples.names == tuple(names)
    np.testing.assert_array_equal(samples.mask(1), prepared)
    for index in (0, 2):
        expected = tools.mask_of(samples.image(index))
        np.testing.assert_array_equal(samples.mask(index), expected)
    folder.mask(names[2]).unlink()
    with pytest.raises(FileNotFoundError, match="Aug/2007_000004.png.*sbd_dir"):
        voc.open_segmentation(folder.root, "train_aug")


def test_without_anything_the_error_says_how_to_get_it(folder):
    with pytest.raises(FileNotFoundError, match="Expected `sbd_dir`.*train_aug.txt"):
        voc.open_segmentation(folder.root, "train_aug")
