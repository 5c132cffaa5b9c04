"""Images and masks of a split, each read when asked for."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from selfsup import data
from selfsup.data import voc


@pytest.fixture(scope="module")
def samples(tiny):
    return voc.open_segmentation(tiny.root, "train")


def test_images_and_masks_in_the_order_of_the_list(tiny, samples, tools):
    assert len(samples) == 7
    assert samples.names == tuple(tiny.names)
    assert samples.split == "train" and samples.folder == str(tiny.root)
    for index, name in enumerate(tiny.names):
        image = data.load_image(tiny.image(name))
        np.testing.assert_array_equal(samples.image(index), image)
        np.testing.assert_array_equal(samples.mask(index), tools.mask_of(image))
    assert {255, 0, 20} <= set(np.unique(samples.mask(0)))


def test_a_set_is_a_value(samples):
    assert samples == dataclasses.replace(samples)
    with pytest.raises(dataclasses.FrozenInstanceError):
        samples.split = "val"


def test_a_subset_has_its_own_order(samples):
    subset = samples.subset(np.array([5, 0, 3]))
    assert len(subset) == 3
    assert subset.classes == samples.classes
    for new, old in enumerate([5, 0, 3]):
        assert subset.names[new] == samples.names[old]
        np.testing.assert_array_equal(subset.image(new), samples.image(old))
        np.testing.assert_array_equal(subset.mask(new), samples.mask(old))
    assert len(samples.subset([])) == 0
    with pytest.raises(IndexError):
        samples.subset([7])


def test_a_mask_is_checked_against_its_image_and_the_classes(folder, tools):
    samples = voc.open_segmentation(folder.root, "train")
    tools.save_mask(folder.mask(folder.names[1]), np.zeros([56, 34]))
    with pytest.raises(ValueError, match=r"\(56, 33\).*Received: \(56, 34\).*000001"):
        samples.mask(1)
    tools.save_mask(folder.mask(folder.names[2]), np.full([33, 70], 21))
    with pytest.raises(ValueError, match="0 to 20.*21 classes.*Received: 21.*000002"):
        samples.mask(2)
    cv2.imwrite(str(folder.mask(folder.names[3])), np.zeros([20, 24, 3], np.uint8))
    with pytest.raises(ValueError, match=".*000003.*'RGB'"):
        samples.mask(3)
    samples.mask(0)


def test_an_unreadable_image_is_named(folder):
    samples = voc.open_segmentation(folder.root, "train")
    folder.image(folder.names[0]).write_bytes(b"no image")
    folder.image(folder.names[1]).unlink()
    with pytest.raises(ValueError, match="can't be decoded.*000000.jpg"):
        samples.image(0)
    with pytest.raises(FileNotFoundError, match="000001.jpg"):
        samples.image(1)


@pytest.mark.parametrize("split, count", [("train", 367), ("val", 101), ("test", 233)])
def test_real_street_scenes(test_data, split, count):
    if not (test_data / "camvid").is_dir():
        pytest.skip("no camvid")
    samples = voc.open_segmentation(test_data / "camvid", split)
    assert len(samples) == count
    assert samples.classes[0] == "sky" and samples.classes[10] == "bicyclist"
    assert len(samples.classes) == 11
    for index in (0, count // 2, count - 1):
        mask = samples.mask(index)
        assert mask.shape == samples.image(index).shape[:2] == (360, 480)
        # Sky is above the road in every street.
        rows = np.arange(360)[:, None] * np.ones([1, 480])
        assert rows[mask == 0].mean() < rows[mask == 3].mean()


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


@pytest.mark.parametrize(
    "line",
    [
        *("{0}.jpg", "{0}.JPG", "{0} 1", "{0}.jpg\t0", "JPEGImages/{0}.jpg"),
        "/JPEGImages/{0}.jpg /SegmentationClass/{0}.png",
        "VOC2012/JPEGImages/{0}.jpg VOC2012/SegmentationClass/{0}.png",
        "{0} SegmentationClass/{0}.png",
    ],
)
def test_lists_of_other_projects(folder, line):
    names = folder.names[:3]
    lines = ["# made by hand", "", *(line.format(name) for name in names)]
    folder.split("other", lines)
    samples = voc.open_segmentation(folder.root, "other")
    assert samples.names == tuple(names)
    assert samples.mask_paths == tuple(str(folder.mask(name)) for name in names)


def test_a_list_decides_where_its_masks_are(folder, tools):
    name = folder.names[3]
    tools.save_mask(folder.mask(name, "Mine"), np.full([20, 24], 9))
    folder.split("other", [f"/JPEGImages/{name}.jpg /Mine/{name}.png"])
    assert (voc.open_segmentation(folder.root, "other").mask(0) == 9).all()


def test_endings_in_capitals(folder):
    for name in folder.names:
        folder.mask(name).rename(folder.mask(name).with_suffix(".PNG"))
        folder.image(name).rename(folder.image(name).with_suffix(".Jpg"))
    samples = voc.open_segmentation(folder.root, "train")
    assert len(samples) == 7 and samples.mask(0).shape == (40, 60)
    assert samples.mask_paths[0].endswith(".PNG")


def test_two_masks_of_an_image_are_named(folder):
    name = folder.names[2]
    shutil.copy(folder.mask(name), folder.mask(name).with_suffix(".PNG"))
    expected = rf"mask is there twice.*{name}\.PNG and .*{name}\.png$"
    with pytest.raises(ValueError, match=expected):
        voc.open_segmentation(folder.root, "train")


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
    with pytest.raises(FileNotFoundError, match="Aug/2007_000004.png or .*Class/2007"):
        voc.open_segmentation(folder.root, "train_aug")


def test_without_anything_the_error_says_how_to_get_it(folder):
    with pytest.raises(FileNotFoundError, match="Expected `sbd_dir`.*train_aug.txt"):
        voc.open_segmentation(folder.root, "train_aug")
