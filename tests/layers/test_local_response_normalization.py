import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers

from contracts import ramp, to_numpy


@pytest.mark.parametrize("radius", [0, 1, 2, 9])
@pytest.mark.parametrize("channels", [1, 3, 8])
def test_equals_tensorflow(radius, channels):
    x = ramp(2, 3, 4, channels, low=-9, high=9)
    layer = layers.LocalResponseNormalization(radius, alpha=0.1, beta=0.6, bias=2.0)
    expected = tf.nn.local_response_normalization(x, radius, 2.0, 0.1, 0.6)
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-5)


def test_values_of_alexnet_defaults():
    y = to_numpy(layers.LocalResponseNormalization()(np.arange(1.0, 7.0)))
    np.testing.assert_allclose(
        y,
        [0.99979005, 1.99910047, 2.99752738, 3.99460849, 4.99355967, 5.99307933],
        rtol=1e-6,
    )


def test_worked_by_hand():
    layer = layers.LocalResponseNormalization(1, alpha=1.0, beta=1.0, bias=2.0)
    # 1 / (2 + 1 + 4), 2 / (2 + 1 + 4 + 9), 3 / (2 + 4 + 9).
    np.testing.assert_allclose(
        to_numpy(layer(np.float32([1, 2, 3]))), [1 / 7, 2 / 16, 3 / 15], rtol=1e-6
    )


def test_border_is_normalized_like_the_map():
    border = ramp(6, low=0, high=50)
    layer = layers.LocalResponseNormalization()
    x = np.broadcast_to(border, (1, 2, 2, 6))
    np.testing.assert_array_equal(to_numpy(layer(x))[0, 1, 1], to_numpy(layer(border)))


def test_energy_is_not_rounded_in_bfloat16():
    # 1 + 2e-5 * 10^2 is 1 in bfloat16, and 100 would stay 100.
    layer = layers.LocalResponseNormalization(0, 1e-3, 1.0, dtype="mixed_bfloat16")
    np.testing.assert_allclose(to_numpy(layer(np.float32([2.0]))), 2 / 1.004, rtol=4e-3)
    layer = layers.LocalResponseNormalization(0, 1e-3, 9.0, dtype="mixed_bfloat16")
    # Rounded, 1.002 ** 9 would be 1 instead of 1.0363.
    np.testing.assert_allclose(
        to_numpy(layer(np.float32([2.0]))), 2 / 1.004**9, rtol=4e-3
    )


@pytest.mark.parametrize(
    "kwargs, received",
    [
        (dict(depth_radius=-1), "depth_radius=-1"),
        (dict(alpha=-1e-4), "alpha=-0.0001"),
        (dict(bias=0), "bias=0"),
    ],
)
def test_bad_arguments_are_named(kwargs, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        layers.LocalResponseNormalization(**kwargs)
