"""Losses against hand-worked values and an independent NumPy formula."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from selfsup import losses

RNG = np.random.default_rng(0)


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
    logits = tf.Variable([[[1.0, 2.0, 3.0, 4.0]]])
    with tf.GradientTape() as tape:
        loss = losses.HistogramKL()(np.float32([[[0.1, 0.2, 0.3, 0.4]]]), logits)
    np.testing.assert_allclose(
        tape.gradient(loss, logits)[0, 0],
        [-0.0679414, -0.1128557, -0.0631172, 0.2439143],
        atol=1e-6,
    )


def test_weights_multiply_but_do_not_change_the_divisor():
    target = RNG.dirichlet(np.ones(8), (3, 5)).astype(np.float32)
    logits = RNG.normal(size=(3, 5, 8)).astype(np.float32)
    weight = RNG.random((3, 5)).astype(np.float32)
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


@pytest.mark.parametrize("loss", [losses.HistogramKL(), losses.LabL2(scale=0.25)])
def test_config_round_trip(loss):
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == loss.get_config()
