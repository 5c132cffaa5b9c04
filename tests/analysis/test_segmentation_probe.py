"""Heads on hypercolumns of a small folder in VOC's layout."""

import dataclasses

import cv2
import numpy as np
import pytest

from selfsup import data, networks
from selfsup.analysis import frozen_networks, segmentation_probe
from selfsup.analysis.segmentation_probe import SegmentationProbeConfig

import voc_folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("voc") / "VOC", photos)


@pytest.fixture(scope="module")
def config(folder):
    return SegmentationProbeConfig(
        voc_dir=str(folder.root),
        network="alexnet",
        width=0.02,
        crop_size=48,
        points=1000,
        hidden=8,
        layers="gray, relu1, relu2",
    )


@pytest.fixture(scope="module")
def study(config, tmp_path_factory):
    output = tmp_path_factory.mktemp("study")
    return segmentation_probe.probe_segmentation("random", config, output)


def test_levels_of_gray_are_read_off_by_both_heads(study):
    results, output = study
    assert results["layers"] == ["gray", "relu1", "relu2"]
    assert results["images"] == {"training": 10, "test": 4}
    for measures in results["heads"]["given"].values():
        # The masks are levels of gray; the same class everywhere has 0.16.
        assert measures["mean_iou_of_points"]["mean"] > 0.35
        assert measures["mean_iou"]["mean"] > 0.35
        assert measures["mean_iou"]["std"] is None
    for name in ("predictions.png", "per_class.png", "config.json", "results.json"):
        assert (output / name).exists()


def test_points_and_whole_images_agree(study):
    # The same classes of the same images, at random points and everywhere.
    for measures in study[0]["heads"]["given"].values():
        assert measures["mean_iou"]["mean"] == pytest.approx(
            measures["mean_iou_of_points"]["mean"], abs=0.15
        )


def test_hypercolumns_are_read_once(study, config, monkeypatch):
    results, output = study
    monkeypatch.setattr(segmentation_probe, "_hypercolumns", None)
    again, _ = segmentation_probe.probe_segmentation("random", config, output)
    assert again == results


def test_a_layer_must_be_one_of_the_hypercolumn(config, tmp_path):
    wrong = dataclasses.replace(config, layers="relu1,pool1")
    with pytest.raises(ValueError, match="Expected of gray, relu1.*Received: pool1"):
        segmentation_probe.probe_segmentation("random", wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_is_asked_for():
    with pytest.raises(ValueError, match="`voc_dir` must be a folder"):
        SegmentationProbeConfig()


@pytest.mark.slow
def test_points_of_one_class_are_refused(folder, config, tmp_path):
    dull = folder.copy(tmp_path / "VOC")
    for name in dull.names[:10]:
        height, width = cv2.imread(str(dull.image(name))).shape[:2]
        dull.save_mask(name, np.ones((height, width)))
    changed = dataclasses.replace(config, voc_dir=str(dull.root))
    message = "fewer than two classes. .* Received: middle in split 'train'"
    with pytest.raises(ValueError, match=message):
        segmentation_probe.probe_segmentation("random", changed, tmp_path / "out")


def test_every_image_is_read_once(config, folder, tmp_path):
    parts = {"training": data.voc.open_segmentation(str(folder.root), "train")}
    given = frozen_networks.open_network("random", config)
    taps = networks.taps(given)[:1]
    probe = segmentation_probe._Probe(config, parts, taps, 48, tmp_path)
    values, classes = probe._features("", given, parts["training"], seed=3)
    # A hundred points of each of ten images, but for void.
    assert 500 < len(classes) < 1000 and values.shape == (len(classes), 1)
    stream = data.voc.segmentation_batches(
        parts["training"],
        crop_size=48,
        batch_size=10,
        points=100,
        point_margin=0,
        seed=3,
    )
    _, targets, _ = next(iter(stream))
    expected = targets["classes"].numpy()
    np.testing.assert_array_equal(classes, expected[expected != data.voc.VOID])
