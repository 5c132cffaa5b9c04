"""Class maps and their report beside NumPy, Pillow and scikit-learn."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import sklearn.metrics

from selfsup import evaluation, heads, inference
from selfsup.evaluation.segmentation import segmentation_metrics

import segmenters


@pytest.fixture(scope="module")
def model():
    return segmenters.segmenter()


@pytest.fixture(scope="module")
def predict(model):
    return inference.class_map_predictor(model)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A VOC folder that no test changes."""
    return segmenters.write_folder(tmp_path_factory.mktemp("voc") / "VOC2012")


def test_confusions_are_those_of_a_loop(root):
    samples = segmenters.open(root)
    confusions = list(evaluation.image_confusions(segmenters.by_brightness, samples))
    assert len(confusions) == 5
    for index, confusion in enumerate(confusions):
        prediction = segmenters.brightness_of(samples.image(index))
        expected = segmenters.loop(samples.mask(index), prediction, 5)
        np.testing.assert_array_equal(confusion, expected)
    assert confusions[0].sum() > 0 and not confusions[4].any()


def test_images_are_read_one_at_a_time(root):
    samples = segmenters.open(root)
    confusions = evaluation.image_confusions(segmenters.by_brightness, samples)
    assert samples.read == []
    next(confusions)
    assert samples.read == [("image", 0), ("mask", 0)]
    list(confusions)
    assert samples.read == [
        (kind, index) for index in range(5) for kind in ("image", "mask")
    ]
    # The last one, and the one before that was just counted.
    assert samples.most <= 2


_OPTIONS = {"stride": 2, "flip": True}


@pytest.fixture(scope="module")
def report(root, model):
    return evaluation.evaluate_segmentation(model, segmenters.open(root), **_OPTIONS)


@pytest.fixture(scope="module")
def pairs(root, model):
    """The mask and the class map of each image, without the code under test."""
    samples, dense = segmenters.open(root), heads.dense(model, _OPTIONS["stride"])
    found = []
    for index in range(len(samples)):
        image = segmenters.network_values(samples.image(index))
        values = segmenters.probabilities(dense, image, **_OPTIONS)
        best = np.sort(values, axis=-1)
        assert (best[..., -1] - best[..., -2]).min() > 1e-6  # No ties.
        found.append((samples.mask(index), values.argmax(axis=-1)))
    return found


def test_report_is_that_of_scikit_learn(report, pairs):
    truth = np.concatenate([mask[mask != 255] for mask, _ in pairs])
    prediction = np.concatenate([classes[mask != 255] for mask, classes in pairs])
    assert report["images"] == 5
    np.testing.assert_array_equal(
        report["confusion"],
        sklearn.metrics.confusion_matrix(truth, prediction, labels=range(5)),
    )
    iou = sklearn.metrics.jaccard_score(
        truth, prediction, labels=range(4), average=None
    )
    assert 0.01 < iou.min() < iou.max() < 0.99
    assert report["mean_iou"] == pytest.approx(iou.mean(), abs=1e-9)
    accuracy = sklearn.metrics.accuracy_score(truth, prediction)
    assert report["pixel_accuracy"] == pytest.approx(accuracy, abs=1e-9)
    assert list(report["iou"]) == list(segmenters.CLASSES)
    assert list(report["iou"].values())[:4] == pytest.approx(iou.tolist(), abs=1e-9)
    assert report["iou"]["unicorn"] is None  # Neither there nor predicted.


def test_report_has_every_image(report, pairs):
    assert list(report["image_iou"]) == ["0", "1", "2", "3", "4"]
    assert report["image_iou"]["4"] is None  # All of it is void.
    for number, (mask, classes) in enumerate(pairs[:4]):
        labeled = mask != 255
        iou = sklearn.metrics.jaccard_score(
            mask[labeled], classes[labeled], average="macro"
        )
        assert report["image_iou"][str(number)] == pytest.approx(iou, abs=1e-9)


def test_report_is_written_as_json(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_model_of_other_classes_is_refused(root):
    samples = segmenters.open(root)
    message = (
        rf"different classes.* model's 3 classes. Received: {root} of 5 "
        r"\(background, cat, dog, sheep, unicorn\)"
    )
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate_segmentation(segmenters.segmenter(classes=3), samples)
    assert samples.read == []


def test_unfit_files_are_named(tmp_path, model):
    root = segmenters.write_folder(tmp_path / "VOC2012")
    mask = root / "SegmentationClass" / "1.png"
    cv2.imwrite(str(mask), np.zeros([41, 27], np.uint8))
    with pytest.raises(ValueError, match=r"\(41, 26\). Received: \(41, 27\).*1\.png"):
        evaluation.evaluate_segmentation(model, segmenters.open(root))
    (root / "JPEGImages" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"can't be decoded.*0\.jpg"):
        evaluation.evaluate_segmentation(model, segmenters.open(root))


def test_nothing_but_void_is_an_error(root, model):
    with pytest.raises(ValueError, match="split .val. of .*VOC2012, all void"):
        evaluation.evaluate_segmentation(
            model, segmenters.open(root).subset([4]).watch()
        )


def test_metrics_worked_by_hand():
    # Class a: 6 shared, 3 + 1 not. Class b: 2 shared, 1 + 3 not.
    confusion = np.array([[6, 3, 0], [1, 2, 0], [0, 0, 0]])
    metrics = segmentation_metrics(confusion, ["a", "b", "c"])
    assert metrics == {
        "mean_iou": pytest.approx((6 / 10 + 2 / 6) / 2),
        "pixel_accuracy": pytest.approx(8 / 12),
        "iou": {"a": pytest.approx(6 / 10), "b": pytest.approx(2 / 6), "c": None},
    }


def test_a_stopped_evaluation_goes_on(root, model, report, tmp_path, monkeypatch):
    stopped, resumed = segmenters.open(root), segmenters.open(root)
    read = segmenters.Watched.image

    def image(self, index):
        if self is stopped and index == 3:
            raise KeyboardInterrupt
        return read(self, index)

    monkeypatch.setattr(segmenters.Watched, "image", image)
    options = {**_OPTIONS, "journal": tmp_path / "journal.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate_segmentation(model, stopped, **options)
    assert evaluation.evaluate_segmentation(model, resumed, **options) == report
    assert [index for kind, index in resumed.read if kind == "image"] == [3, 4]
    assert not list(tmp_path.iterdir())


def test_other_options_do_not_take_a_stopped_evaluation_up(root, model, tmp_path):
    path = tmp_path / "journal.jsonl"
    bad = dataclasses.replace(
        segmenters.open(root), mask_paths=segmenters.open(root).sources
    )
    bad.watch()
    with pytest.raises(ValueError, match="mask"):
        evaluation.evaluate_segmentation(model, bad, journal=path)
    samples = segmenters.open(root)
    evaluation.evaluate_segmentation(model, samples, stride=4, journal=path)
    assert [index for kind, index in samples.read if kind == "image"] == [*range(5)]
