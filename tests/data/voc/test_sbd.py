"""The augmented training set of VOC 2012 and SBD."""

import numpy as np
import pytest

from selfsup.data import voc
from selfsup.data.voc import sbd

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
def test_the_augmented_set(both, tmp_path, tools, inside):
    samples = voc.open_segmentation(both.root, "train_aug", tmp_path / inside)
    assert samples.names == tuple(both.names[i] for i in (2, 3, 4, 5))
    for index, name in enumerate(samples.names):
        assert samples.sources[index] == str(both.image(name))
        own = tools.mask_of(samples.image(index))
        # Image 3 is in both, and has VOC's mask.
        expected = np.full_like(own, 7) if index >= 2 else own
        np.testing.assert_array_equal(samples.mask(index), expected)


def test_other_splits_do_not_need_it(both, tmp_path):
    samples = voc.open_segmentation(both.root, "val", sbd_dir=tmp_path / "none")
    assert samples.names == tuple(both.names[:2])


def test_the_lists_of_voc_2012_must_be_complete(both, tmp_path, monkeypatch):
    (both.root / "classes.txt").unlink()
    message = "1464.*1449.*10582.*Received: {'train': 2, 'val': 2, 'train_aug': 4}"
    with pytest.raises(ValueError, match=message):
        voc.open_segmentation(both.root, "train_aug", tmp_path)
    counts = {"train": 2, "val": 2, "train_aug": 4}
    monkeypatch.setattr(sbd, "VOC_2012_COUNTS", counts)
    assert len(voc.open_segmentation(both.root, "train_aug", tmp_path)) == 4


def test_bad_folders_of_the_semantic_boundaries_dataset(both, tmp_path):
    with pytest.raises(FileNotFoundError, match="Boundaries.*Received: '.*none'"):
        voc.open_segmentation(both.root, "train_aug", tmp_path / "none")
    with pytest.raises(ValueError, match="cls, train.txt, val.txt.*with .'Image"):
        voc.open_segmentation(both.root, "train_aug", both.root)
    (tmp_path / "benchmark_RELEASE/dataset/cls" / f"{both.names[4]}.mat").unlink()
    with pytest.raises(FileNotFoundError, match="mask is missing.*000004.mat"):
        voc.open_segmentation(both.root, "train_aug", tmp_path)
