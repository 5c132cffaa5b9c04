import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers

import contracts
from contracts import ramp, to_numpy


def _layer(x, *args, border=None, **kwargs):
    layer = layers.BiasPaddedConv2D(*args, **kwargs)
    layer.build(x.shape, None if border is None else border.shape)
    contracts.fill_weights(layer)
    return layer


def _numpy_conv(x, kernel, strides, dilation, groups):
    """Convolves without padding, one output pixel after another."""
    height, width, channels, filters = kernel.shape
    rows = (x.shape[1] - dilation[0] * (height - 1) - 1) // strides[0] + 1
    columns = (x.shape[2] - dilation[1] * (width - 1) - 1) // strides[1] + 1
    y = np.zeros((len(x), rows, columns, filters))
    each = filters // groups
    for i, j, group in itertools.product(range(rows), range(columns), range(groups)):
        patch = x[
            :,
            i * strides[0] : i * strides[0] + dilation[0] * (height - 1) + 1,
            j * strides[1] : j * strides[1] + dilation[1] * (width - 1) + 1,
            group * channels : (group + 1) * channels,
        ][:, :: dilation[0], :: dilation[1]]
        part = slice(group * each, (group + 1) * each)
        y[:, i, j, part] = np.einsum("bhwc,hwcf->bf", patch, kernel[..., part])
    return y


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, (2, 1)], ids=["dense", "dilated"])
@pytest.mark.parametrize("strides", [1, 2, (2, 3)], ids=["s1", "s2", "s23"])
@pytest.mark.parametrize(
    "kernel, padding",
    [
        (1, 0),
        (3, 1),
        ((5, 4), (2, 1)),
        (3, ((0, 2), (1, 0))),
        (1, 1),
        (3, 3),
    ],
    ids=["k1", "k3", "k54", "uneven", "k1p1", "wide"],
)
def test_equals_a_valid_convolution_of_the_padded_map(
    kernel, padding, strides, dilation, groups
):
    # Oracle: pad each channel in NumPy with its border and loop over pixels.
    x, border = ramp(2, 9, 8, 4), ramp(4)
    layer = _layer(
        x, 6, kernel, strides, padding, dilation, groups=groups, border=border
    )
    for pad_values, arguments in ((border, (x, border)), (np.zeros(4), (x,))):
        padded = np.stack(
            [
                np.pad(
                    x[..., c], ((0, 0), *layer.padding), constant_values=pad_values[c]
                )
                for c in range(4)
            ],
            axis=-1,
        )
        expected = _numpy_conv(
            padded, to_numpy(layer.kernel), layer.strides, layer.dilation_rate, groups
        )
        actual = to_numpy(layer(*arguments))
        assert actual.shape == layer.compute_output_shape(x.shape)
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("strides", [1, 2])
def test_zero_border_is_zero_padding(strides):
    x = ramp(2, 7, 7, 3)
    layer = _layer(x, 5, 3, strides, padding=1)
    oracle = keras.Sequential(
        [
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(5, 3, strides, use_bias=False),
        ]
    )
    oracle.build(x.shape)
    oracle.weights[0].assign(layer.kernel)
    expected = to_numpy(oracle(x))
    np.testing.assert_allclose(to_numpy(layer(x)), expected, atol=1e-6)
    np.testing.assert_allclose(
        to_numpy(layer(x, np.zeros(3, "float32"))), expected, atol=1e-6
    )


def test_map_that_equals_its_border_gives_one_value_everywhere():
    border = ramp(3, low=0.1)
    x = np.broadcast_to(border, (1, 6, 7, 3))
    y = to_numpy(_layer(x, 4, 3, padding=1, border=border)(x, border))
    np.testing.assert_allclose(y, np.broadcast_to(y[:, 2:3, 2:3], y.shape), atol=1e-6)


def test_row_worked_by_hand():
    x = np.float32([1, 2, 3]).reshape(1, 1, 3, 1)
    layer = layers.BiasPaddedConv2D(1, (1, 3), padding=(0, 1))
    layer.build(x.shape)
    layer.kernel.assign(np.float32([0.5, 1, -1]).reshape(1, 3, 1, 1))
    # With zeros: 0 + 1 - 2, 0.5 + 2 - 3, 1 + 3 - 0.
    np.testing.assert_allclose(to_numpy(layer(x)).ravel(), [-1, -0.5, 4])
    # With 0.7 instead, 0.7 * 0.5 is added on the left, 0.7 * -1 on the right.
    np.testing.assert_allclose(
        to_numpy(layer(x, np.float32([0.7]))).ravel(), [-0.65, -0.5, 3.3], rtol=1e-6
    )


def test_interior_is_bit_equal_whatever_the_border():
    x = ramp(2, 9, 9, 3)
    layer = _layer(x, 4, 3, padding=1)
    small, large = (layer(x, np.full(3, v, "float32")) for v in (0.1, 1e6))
    np.testing.assert_array_equal(
        to_numpy(small)[:, 1:-1, 1:-1], to_numpy(large)[:, 1:-1, 1:-1]
    )


def test_stride_two_is_stride_one_subsampled_on_every_size():
    # "same" padding shifts by a pixel on even sizes; fixed pads do not.
    for size in (12, 13):
        x = ramp(1, size, size, 2)
        dense = _layer(x, 3, 7, padding=3)
        strided = _layer(x, 3, 7, 2, padding=3)
        np.testing.assert_allclose(
            to_numpy(strided(x)), to_numpy(dense(x))[:, ::2, ::2], atol=1e-5
        )


def test_groups_equal_two_half_convolutions():
    x, border = ramp(1, 5, 5, 4), ramp(4)
    whole = _layer(x, 6, 3, padding=1, groups=2, border=border)
    halves = []
    for i in range(2):
        part = x[..., 2 * i : 2 * i + 2]
        half = _layer(part, 3, 3, padding=1)
        half.kernel.assign(to_numpy(whole.kernel)[..., 3 * i : 3 * i + 3])
        halves.append(to_numpy(half(part, border[2 * i : 2 * i + 2])))
    np.testing.assert_allclose(
        to_numpy(whole(x, border)), np.concatenate(halves, -1), atol=1e-6
    )


def test_graph_of_groups_holds_no_xla():
    x = ramp(1, 5, 5, 4)
    layer = _layer(x, 4, 3, padding=1, groups=2)
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec(x.shape)).graph
    assert "_XlaMustCompile" not in str(graph.as_graph_def())


def _two_convolutions():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(3, 3, padding="same", use_bias=False)(inputs)
    x, border = layers.Bias(name="bias")(x)
    x = keras.layers.ReLU()(x)
    x = layers.BiasPaddedConv2D(2, 3, padding=1)(x, border)
    model = keras.Model(inputs, x)
    contracts.fill_weights(model)
    return model


def test_border_gradient_reaches_the_bias_below():
    # At a black image the map is ReLU(bias) everywhere, borders included, so
    # the sum of the outputs is linear in each positive bias.
    model, x = _two_convolutions(), tf.zeros((1, 4, 4, 1))
    bias = model.get_layer("bias").bias
    model.get_layer("bias").shift.assign(np.zeros(3))
    bias.assign([0.5, 1.0, -1.0])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(x))
    gradient = tape.gradient(total, bias.value)
    kernel = to_numpy(model.layers[-1].kernel)
    expected = 4 * 4 * kernel.sum(axis=(0, 1, 3)) * [1, 1, 0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_border_follows_the_bias_after_loading():
    loaded = contracts.save_and_load(_two_convolutions())
    bias = loaded.get_layer("bias")
    bias.shift.assign(np.zeros(3))
    black = np.zeros((1, 5, 5, 1), "float32")
    for value in (0.3, 2.0):
        bias.bias.assign(np.full(3, value))
        y = to_numpy(loaded(black))
        # A black image is padded with what it becomes: no rim is seen.
        np.testing.assert_allclose(
            y, np.broadcast_to(y[:, 2:3, 2:3], y.shape), atol=1e-5
        )
        expected = value * to_numpy(loaded.layers[-1].kernel).sum(axis=(0, 1, 2))
        np.testing.assert_allclose(y[0, 0, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kwargs, received",
    [
        (dict(filters=0), "filters=0"),
        (dict(kernel_size=(3, 0)), r"kernel_size=\(3, 0\)"),
        (dict(strides=0), "strides=0"),
        (dict(dilation_rate=(1, 2, 3)), r"dilation_rate=\(1, 2, 3\)"),
        (dict(padding=-1), r"padding=\(-1, -1\)"),
        (dict(padding=((1, 2, 3), 0)), r"padding=\(\(1, 2, 3\), 0\)"),
        (dict(groups=3), "filters=4, groups=3"),
    ],
)
def test_bad_arguments_are_named(kwargs, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        layers.BiasPaddedConv2D(**{"filters": 4, "kernel_size": 3, **kwargs})


def test_bad_shapes_are_named():
    layer = layers.BiasPaddedConv2D(4, 3, groups=2)
    with pytest.raises(ValueError, match=r"Received: inputs_shape=\(1, 8, 8, 3\)"):
        layer.build((1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"Received: border_shape=\(2,\)"):
        layer.build((1, 8, 8, 4), (2,))
