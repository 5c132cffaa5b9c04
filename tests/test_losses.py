"""Losses against hand-worked values and an independent NumPy formula."""

import warnings

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from selfsup import losses

import neutral
from neutral import labels_and_logits, value_and_gradient


@pytest.mark.parametrize(
    "target, logits, expected",
    [
        ([0.5, 0.5, 0, 0], [0, 0, 0, 0], 0.693147),
        ([1, 0, 0, 0], [2, 1, 0, -1], 0.440190),
        ([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4], 0.160335),
    ],
)
def test_kl_of_known_histograms(target, logits, expected):
    loss = losses.HistogramKL()(np.float32([[target]]), np.float32([[logits]]))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_kl_gradient_is_prediction_minus_target():
    target, logits = [[[0.1, 0.2, 0.3, 0.4]]], [[[1.0, 2.0, 3.0, 4.0]]]
    _, gradient = value_and_gradient(losses.HistogramKL(), target, logits)
    np.testing.assert_allclose(
        gradient[0, 0],
        [-0.0679414, -0.1128557, -0.0631172, 0.2439143],
        atol=1e-6,
    )


def test_weights_multiply_but_do_not_change_the_divisor():
    rng = np.random.default_rng(0)
    target = rng.dirichlet(np.ones(8), (3, 5)).astype(np.float32)
    logits = rng.normal(size=(3, 5, 8)).astype(np.float32)
    weight = rng.random((3, 5)).astype(np.float32)
    kl = scipy.stats.entropy(target, scipy.special.softmax(logits, -1), axis=-1)
    loss = losses.HistogramKL()(target, logits, sample_weight=weight)
    assert float(loss) == pytest.approx((weight * kl).sum() / 15, rel=1e-5)


def test_kl_of_confident_wrong_logits_is_finite():
    target = np.float32([[[1.0, 0.0]]])
    loss = losses.HistogramKL()(target, np.float32([[[-1e4, 1e4]]]))
    assert float(loss) == pytest.approx(2e4)


def test_lab_l2_worked_by_hand():
    # Points: (1^2 + 2^2) and (0 + 3^2); mean 7, times 0.5.
    target = np.float32([[[0, 0], [1, 1]]])
    prediction = np.float32([[[1, 2], [1, 4]]])
    loss = losses.LabL2(scale=0.5)(target, prediction)
    assert float(loss) == pytest.approx(3.5)


def _cross_entropies(labels, logits):
    """The terms of each point and their gradients, 0 where void; a plain loop."""
    terms, gradients = np.zeros(labels.shape), np.zeros(logits.shape)
    for index in np.ndindex(labels.shape):
        if labels[index] != 255:
            p = scipy.special.softmax(np.float64(logits[index]))
            terms[index] = -np.log(p[labels[index]])
            gradients[index] = p - np.eye(len(p))[labels[index]]
    return terms, gradients


SHAPES = pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 4, 3)], ids=str)


@SHAPES
def test_cross_entropy_is_the_mean_over_labeled_points(shape):
    labels, logits = labels_and_logits(shape, classes=4)
    terms, gradients = _cross_entropies(labels, logits)
    labeled = (labels != 255).sum()
    assert 0 < labeled < labels.size
    value, gradient = value_and_gradient(losses.MaskedCrossEntropy(), labels, logits)
    assert value == pytest.approx(terms.sum() / labeled, rel=1e-5)
    np.testing.assert_allclose(gradient, gradients / labeled, atol=1e-6)
    assert not gradient[labels == 255].any()


@SHAPES
def test_cross_entropy_of_each_point_is_zero_where_void(shape):
    labels, logits = labels_and_logits(shape, classes=4)
    terms = losses.MaskedCrossEntropy(reduction=None)(labels, logits)
    terms = keras.ops.convert_to_numpy(terms)
    np.testing.assert_allclose(terms, _cross_entropies(labels, logits)[0], rtol=1e-5)
    assert not terms[labels == 255].any()


def test_cross_entropy_of_points_worked_by_hand():
    # Softmax of (0, log 3) is (1/4, 3/4); the second point is void.
    labels, logits = [[1, 255, 0]], [[[0, np.log(3)], [5, 5], [0, np.log(3)]]]
    loss = losses.MaskedCrossEntropy()(labels, np.float32(logits))
    assert float(loss) == pytest.approx((np.log(4 / 3) + np.log(4)) / 2, rel=1e-6)


@pytest.mark.parametrize("weight", [None, np.ones((2, 3), np.float32)])
def test_a_batch_without_labels_teaches_nothing(weight):
    labels, logits = labels_and_logits((2, 3), classes=4, void=1)
    value, gradient = value_and_gradient(
        losses.MaskedCrossEntropy(), labels, logits, weight
    )
    assert value == 0
    assert not gradient.any()


def test_weights_of_points_do_not_change_the_divisor():
    labels, logits = labels_and_logits((3, 5), classes=4)
    terms, gradients = _cross_entropies(labels, logits)
    weight = np.random.default_rng(0).random((3, 5)).astype(np.float32)
    value, gradient = value_and_gradient(
        losses.MaskedCrossEntropy(), labels, logits, weight
    )
    assert value == pytest.approx((weight * terms).sum() / 15, rel=1e-5)
    np.testing.assert_allclose(gradient, weight[..., None] * gradients / 15, atol=1e-6)


def test_weighted_parts_make_up_the_whole_batch():
    labels, logits = labels_and_logits((6, 5), classes=4)
    labels[:3] = np.where(np.arange(5) < 4, 255, labels[:3])  # Unequal shares.
    loss = losses.MaskedCrossEntropy()
    weight = np.full(labels.shape, labels.size / (labels != 255).sum(), np.float32)
    parts = [
        float(loss(labels[i : i + 3], logits[i : i + 3], weight[i : i + 3]))
        for i in (0, 3)
    ]
    assert np.mean(parts) == pytest.approx(float(loss(labels, logits)), rel=1e-5)


def test_a_label_out_of_range_is_the_nearest_class():
    logits = labels_and_logits((1, 3), classes=4)[1]
    loss = losses.MaskedCrossEntropy()
    assert float(loss([[4, -7, 9]], logits)) == float(loss([[3, 0, 3]], logits))


def test_another_label_can_be_ignored():
    labels, logits = labels_and_logits((2, 5), classes=4)
    other = np.where(labels == 255, -1, labels.astype(np.int32))
    expected = losses.MaskedCrossEntropy()(labels, logits)
    assert float(losses.MaskedCrossEntropy(ignore=-1)(other, logits)) == expected


def test_labels_may_have_a_last_axis_of_one():
    labels, logits = labels_and_logits((2, 5), classes=4)
    loss = losses.MaskedCrossEntropy()
    assert float(loss(labels[..., None], logits)) == float(loss(labels, logits))


def _fitted(y_pred, y_true, loss):
    """The loss that Keras' own `fit` reports for these predictions."""
    inputs = keras.Input(y_pred.shape[1:])
    outputs = keras.layers.Identity(name="classes")(inputs)
    model = keras.Model(inputs, {"classes": outputs})
    model.compile("sgd", loss={"classes": loss}, jit_compile=False)
    with warnings.catch_warnings():
        # Of TensorFlow and Keras themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "The model does not have any trainable")
        history = model.fit(y_pred, {"classes": y_true}, batch_size=99, verbose=0)
    return history.history["loss"][0]


@SHAPES
def test_fit_minimizes_the_mean_over_labeled_points(shape):
    labels, logits = labels_and_logits(shape, classes=4)
    expected = _cross_entropies(labels, logits)[0].sum() / (labels != 255).sum()
    fitted = _fitted(logits, labels, losses.MaskedCrossEntropy())
    assert fitted == pytest.approx(expected, rel=1e-5)


def test_binary_cross_entropy_of_known_logits():
    # log(1 + e^-2) + log(1 + e^-1) + log 2; counting the 255 as 1 gives 1.6074139.
    loss = losses.MaskedBinaryCrossEntropy()
    value = loss(np.uint8([[1, 0, 255, 1]]), np.float32([[2, -1, 0.5, 0]]))
    assert float(value) == pytest.approx(1.1333369, abs=1e-6)


def _images(images=5, classes=4):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (images, classes)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.3] = 255
    return labels, rng.normal(0, 3, labels.shape).astype(np.float32)


def test_binary_cross_entropy_is_a_sum_over_classes_and_a_mean_over_images():
    labels, logits = _images()
    known, p = labels != 255, scipy.special.expit(np.float64(logits))
    terms = -np.where(labels == 1, np.log(p), np.log(1 - p)) * known
    loss = losses.MaskedBinaryCrossEntropy
    value, gradient = value_and_gradient(loss(), labels, logits)
    assert value == pytest.approx(terms.sum() / 5, rel=1e-5)
    np.testing.assert_allclose(gradient, known * (p - (labels == 1)) / 5, atol=1e-6)
    assert not gradient[~known].any()
    each = keras.ops.convert_to_numpy(loss(reduction=None)(labels, logits))
    np.testing.assert_allclose(each, terms.sum(-1), rtol=1e-5)
    assert _fitted(logits, labels, loss()) == pytest.approx(value, rel=1e-5)


def test_weights_of_images_multiply_their_sums():
    labels, logits = _images()
    weight = np.random.default_rng(0).random(5).astype(np.float32)
    each = losses.MaskedBinaryCrossEntropy(reduction=None)(labels, logits)
    value = losses.MaskedBinaryCrossEntropy()(labels, logits, weight)
    assert float(value) == pytest.approx(np.mean(weight * each), rel=1e-5)


def test_images_without_known_labels_teach_nothing():
    labels, logits = np.full((2, 3), 255), np.ones((2, 3), np.float32)
    value, gradient = value_and_gradient(
        losses.MaskedBinaryCrossEntropy(), labels, logits
    )
    assert value == 0
    assert not gradient.any()


def test_confident_wrong_logits_give_finite_losses():
    loss = losses.MaskedCrossEntropy()([[0]], np.float32([[[-1e4, 1e4]]]))
    assert float(loss) == pytest.approx(2e4)
    wrong = np.float32([[-1e4, 1e4, 1e4]])
    loss = losses.MaskedBinaryCrossEntropy()(np.uint8([[1, 0, 1]]), wrong)
    assert float(loss) == pytest.approx(2e4)


ALL = pytest.mark.parametrize("loss", neutral.LOSSES, ids=lambda loss: loss.name)


@ALL
def test_config_round_trip(loss):
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == loss.get_config()


@ALL
def test_bfloat16_predictions_are_reduced_in_float32(loss):
    targets, predictions = neutral.targets_and_predictions(loss)
    half = keras.ops.cast(predictions, "bfloat16")
    value = loss(targets, half)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == float(loss(targets, keras.ops.cast(half, "float32")))
