import numpy as np
import pytest

from selfsup import layers

from contracts import ramp, to_numpy


def _built(bias, shift, **kwargs):
    layer = layers.Bias(**kwargs)
    layer.build((None, None, None, len(bias)))
    layer.bias.assign(bias)
    layer.shift.assign(shift)
    return layer


def test_starts_as_the_identity_with_a_zero_border():
    x = ramp(2, 4, 5, 3)
    outputs, border = to_numpy(layers.Bias()(x))
    np.testing.assert_array_equal(outputs, x)
    np.testing.assert_array_equal(border, np.zeros(3))


def test_adds_bias_and_shift_but_keeps_the_shift_out_of_the_border():
    outputs, border = to_numpy(
        _built([1.0, -2.0], [10.0, 20.0])(np.float32([[3.0, 4.0]]))
    )
    # 3 + 1 + 10 and 4 - 2 + 20; ReLU of 1 and -2.
    np.testing.assert_array_equal(outputs, [[14.0, 22.0]])
    np.testing.assert_array_equal(border, [1.0, 0.0])


def test_plain_border_is_the_bias_before_the_relu():
    _, border = _built([1.0, -2.0], [10.0, 20.0], rectify_border=False)(ramp(1, 2))
    np.testing.assert_array_equal(to_numpy(border), [1.0, -2.0])


def test_only_the_bias_is_trainable():
    layer = _built([1.0], [2.0])
    assert [v.name for v in layer.trainable_variables] == ["bias"]
    assert [v.name for v in layer.non_trainable_variables] == ["shift"]
    assert layer.shift.aggregation == "mean"


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="Received: rectify_border='yes'"):
        layers.Bias("yes")
    with pytest.raises(ValueError, match=r"Received: input_shape=\(2, None\)"):
        layers.Bias().build((2, None))
