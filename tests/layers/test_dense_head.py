import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers

import contracts
from contracts import ramp, to_numpy

_STRIDES = [1, 1, 2, 4, 8, 32, 3]
_OFFSETS = [0, 0, 0.5, 1.5, 3.5, 15.5, 1]


def _taps(height, width, batch=2):
    return [
        ramp(batch, -(-height // stride), -(-width // stride), i + 2)
        for i, stride in enumerate(_STRIDES)
    ]


def _dense_layers(activation="relu", **kwargs):
    hidden = keras.layers.Dense(8, activation, **kwargs)
    outputs = {"hue": keras.layers.Dense(3), "chroma": keras.layers.Dense(2)}
    return hidden, outputs


def _unsparing(hidden, outputs, features, image, *args):
    """The same prediction from the whole hypercolumns."""
    column = hidden(layers.DenseHypercolumn(*args)(features, image))
    return {name: layer(column) for name, layer in outputs.items()}


def _assert_equal(actual, expected):
    assert list(actual) == list(expected)
    for name, value in to_numpy(expected).items():
        np.testing.assert_allclose(
            to_numpy(actual[name]), value, rtol=1e-5, atol=1e-5 * np.abs(value).max()
        )


@pytest.mark.parametrize("alignment", ["centers", "corner"])
@pytest.mark.parametrize(
    "size, output_stride", [((21, 34), 1), ((1, 9), 2), ((40, 3), 4), ((21, 34), 4)]
)
def test_equals_the_head_on_whole_hypercolumns(size, output_stride, alignment):
    features, image = _taps(*size), np.zeros((2, *size, 1), "float32")
    hidden, outputs = _dense_layers()
    args = (_STRIDES, _OFFSETS, alignment, output_stride)
    layer = layers.DenseHead(hidden, outputs, *args, tile_size=8)
    actual = layer(features, image)
    contracts.fill_weights(layer)
    actual = layer(features, image)
    _assert_equal(actual, _unsparing(hidden, outputs, features, image, *args))


@pytest.mark.parametrize("tile_size", [2, 5, 64])
def test_tiles_do_not_change_the_values(tile_size):
    features, image = _taps(11, 7), np.zeros((2, 11, 7, 1), "float32")
    hidden, outputs = _dense_layers("tanh")
    layer = layers.DenseHead(hidden, outputs, _STRIDES, _OFFSETS, tile_size=tile_size)
    expected = _unsparing(hidden, outputs, features, image, _STRIDES, _OFFSETS)
    _assert_equal(layer(features, image), expected)


def test_one_graph_serves_every_size():
    hidden, outputs = _dense_layers(use_bias=False)
    layer = layers.DenseHead(hidden, outputs, _STRIDES, _OFFSETS, tile_size=8)
    inputs = [keras.Input((None, None, c)) for c in (2, 3, 4, 5, 6, 7, 8, 1)]
    model = keras.Model(inputs, layer(inputs[:-1], inputs[-1]))
    graph = tf.function(
        model, input_signature=[[tf.TensorSpec(x.shape, tf.float32) for x in inputs]]
    )
    for size in ((8, 8), (9, 17), (1, 1)):
        features, image = _taps(*size), np.zeros((2, *size, 1), "float32")
        _assert_equal(
            graph([*features, image]),
            _unsparing(hidden, outputs, features, image, _STRIDES, _OFFSETS),
        )


def test_taps_of_one_stride_may_differ_in_size():
    # Valid convolutions shrink a map without changing its stride.
    features = [ramp(1, 5, 6, 2), ramp(1, 3, 4, 3)]
    image, args = np.zeros((1, 10, 12, 1), "float32"), ([2, 2], [0.5, 0.5])
    hidden, outputs = _dense_layers()
    layer = layers.DenseHead(hidden, outputs, *args, tile_size=4)
    expected = _unsparing(hidden, outputs, features, image, *args)
    _assert_equal(layer(features, image), expected)


def test_weights_are_shared_with_a_sparse_model():
    features, image = _taps(9, 8), np.zeros((2, 9, 8, 1), "float32")
    hidden, outputs = _dense_layers()
    sparse = layers.SparseHypercolumn(_STRIDES, _OFFSETS)
    points = np.float32([[[4, 5]], [[8, 0]]])
    layer = layers.DenseHead(hidden, outputs, _STRIDES, _OFFSETS)
    layer(features, image)
    contracts.fill_weights(hidden)  # After the first call: nothing is copied.
    whole = to_numpy(layer(features, image)["hue"])
    at_points = to_numpy(outputs["hue"](hidden(sparse(features, points))))
    np.testing.assert_allclose(whole[0, 4, 5], at_points[0, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole[1, 8, 0], at_points[1, 0], rtol=1e-5, atol=1e-6)


def test_output_is_float32_in_mixed_precision():
    features, image = _taps(9, 8), np.zeros((2, 9, 8, 1), "float32")
    hidden, outputs = _dense_layers()
    layer = layers.DenseHead(
        hidden, outputs, _STRIDES, _OFFSETS, dtype="mixed_bfloat16"
    )
    assert all(y.dtype == "float32" for y in layer(features, image).values())


def test_bad_arguments_are_named():
    hidden, outputs = _dense_layers()
    with pytest.raises(TypeError, match="Received: outputs=None"):
        layers.DenseHead(hidden, None, [1], [0])
    with pytest.raises(TypeError, match="Received: 'relu'"):
        layers.DenseHead("relu", outputs, [1], [0])
    with pytest.raises(ValueError, match="Received: tile_size=0"):
        layers.DenseHead(hidden, outputs, [1], [0], tile_size=0)


def test_kernel_of_another_width_is_named():
    hidden, outputs = _dense_layers()
    hidden.build((None, 4))
    layer = layers.DenseHead(hidden, outputs, [1], [0])
    with pytest.raises(ValueError, match=r"Received: kernel of shape \(4, 8\)"):
        layer([ramp(1, 2, 2, 3)], ramp(1, 2, 2, 1))
