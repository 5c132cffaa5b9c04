"""Intersection over union against scikit-learn, a plain loop and small cases."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from selfsup.evaluation import confusion

NAN = float("nan")


def _masks(classes, shape=(3, 17, 23), void=0.2, seed=0):
    """True masks, some void, and predictions that are right half of the time."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, shape)
    prediction = np.where(
        rng.random(shape) < 0.5, truth, rng.integers(0, classes, shape)
    )
    truth[rng.random(shape) < void] = 255
    return truth.astype(np.uint8), prediction.astype(np.uint8)


def _loop(truth, prediction, classes):
    """Intersection over union pixel by pixel, as sets of positions."""
    either = [set() for _ in range(classes)]
    both = [set() for _ in range(classes)]
    for index in np.ndindex(truth.shape):
        if truth[index] == 255:
            continue
        either[truth[index]].add(index)
        either[prediction[index]].add(index)
        if truth[index] == prediction[index]:
            both[truth[index]].add(index)
    return [len(b) / len(e) if e else NAN for b, e in zip(both, either, strict=True)]


def _sklearn(truth, prediction, classes):
    truth, prediction = truth[truth != 255], prediction[truth != 255]
    occurring = np.union1d(truth, prediction)
    iou = np.full(classes, NAN)
    iou[occurring] = sklearn.metrics.jaccard_score(
        truth, prediction, labels=occurring, average=None
    )
    return iou


def _all_void(truth, prediction):
    truth[1] = 255


def _class_2_is_not_true(truth, prediction):
    truth[truth == 2] = 1


def _class_2_is_not_predicted(truth, prediction):
    prediction[prediction == 2] = 1


def _class_2_does_not_occur(truth, prediction):
    truth[truth == 2] = 1
    prediction[prediction == 2] = 1


@pytest.mark.parametrize("classes", [2, 5, 21])
@pytest.mark.parametrize(
    "change",
    [
        None,
        _all_void,
        _class_2_is_not_true,
        _class_2_is_not_predicted,
        _class_2_does_not_occur,
    ],
)
def test_iou_agrees_with_scikit_learn_and_a_loop(classes, change):
    truth, prediction = _masks(classes)
    if change:
        change(truth, prediction)
    # Image by image, as an evaluation does.
    counts = sum(
        confusion.confusion_matrix(*pair, classes)
        for pair in zip(truth, prediction, strict=True)
    )
    iou = confusion.iou_per_class(counts)
    assert iou.dtype == np.float64
    expected = _loop(truth, prediction, classes)
    np.testing.assert_allclose(iou, expected, rtol=0, atol=1e-12)
    sk = _sklearn(truth, prediction, classes)
    np.testing.assert_allclose(iou, sk, rtol=0, atol=1e-12)
    mean = confusion.mean_iou(counts)
    assert mean == pytest.approx(np.nanmean(expected), abs=1e-12)
    labeled = truth != 255
    accuracy = sklearn.metrics.accuracy_score(truth[labeled], prediction[labeled])
    assert confusion.pixel_accuracy(counts) == pytest.approx(accuracy, abs=1e-12)


def test_confusion_matrix_agrees_with_scikit_learn():
    truth, prediction = _masks(21)
    counts = confusion.confusion_matrix(truth, prediction, 21)
    assert counts.dtype == np.int64
    labeled = truth != 255
    expected = sklearn.metrics.confusion_matrix(
        truth[labeled], prediction[labeled], labels=np.arange(21)
    )
    np.testing.assert_array_equal(counts, expected)


def test_measures_worked_by_hand():
    truth = np.uint8([[0, 0, 1], [1, 255, 255], [1, 1, 0]])
    prediction = np.int64([[0, 1, 1], [3, 3, 0], [1, 1, 0]])
    counts = confusion.confusion_matrix(truth, prediction, 4)
    # Rows are true: 0 is found twice of three times, 1 thrice of four times.
    expected = [[2, 1, 0, 0], [0, 3, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(counts, expected)
    # 0: 2 / (3 + 2 - 2); 1: 3 / (4 + 4 - 3); 2 nowhere; 3 only predicted.
    np.testing.assert_allclose(confusion.iou_per_class(counts), [2 / 3, 3 / 5, NAN, 0])
    assert confusion.mean_iou(counts) == pytest.approx((2 / 3 + 3 / 5) / 3)
    assert confusion.pixel_accuracy(counts) == pytest.approx(5 / 7)


def test_mean_of_sums_is_not_the_mean_of_images():
    # One image is right in 8 of 8 pixels, the other in 0 of 1.
    one = confusion.confusion_matrix(np.zeros(8, int), np.zeros(8, int), 2)
    other = confusion.confusion_matrix(np.array([0]), np.array([1]), 2)
    iou = confusion.iou_per_class(one + other)
    np.testing.assert_allclose(iou, [8 / 9, 0])


def test_predictions_at_void_pixels_do_not_matter():
    truth, prediction = _masks(5)
    other = np.where(truth == 255, 4 - prediction, prediction)
    assert (other != prediction).any()
    np.testing.assert_array_equal(
        confusion.confusion_matrix(truth, prediction, 5),
        confusion.confusion_matrix(truth, other, 5),
    )


def test_tensors_are_counted_like_arrays():
    truth, prediction = _masks(5)
    np.testing.assert_array_equal(
        confusion.confusion_matrix(tf.constant(truth), tf.constant(prediction), 5),
        confusion.confusion_matrix(truth, prediction, 5),
    )


def test_images_of_void_count_nothing():
    void = np.full((4, 5), 255, np.uint8)
    counts = confusion.confusion_matrix(void, np.zeros((4, 5), int), 3)
    np.testing.assert_array_equal(counts, np.zeros((3, 3)))
    assert np.isnan(confusion.iou_per_class(counts)).all()
