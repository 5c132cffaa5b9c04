import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers

from contracts import ramp, to_numpy

_STRIDES = [1, 1, 2, 4, 8, 32, 3]
_OFFSETS = [0, 0, 0.5, 1.5, 3.5, 15.5, 1]


def taps(height, width, batch=2):
    """Maps with as many pixels as strided pools leave, of 2, 3, 4, ... channels."""
    return [
        ramp(batch, -(-height // stride), -(-width // stride), i + 2)
        for i, stride in enumerate(_STRIDES)
    ]


def _brute_force(features, points, offsets):
    columns = []
    for x, stride, offset in zip(features, _STRIDES, offsets, strict=True):
        column = np.zeros((*points.shape[:2], x.shape[-1]))
        for b, p in np.ndindex(points.shape[:2]):
            place = (points[b, p].astype("float64") - offset) / stride
            y, x_ = (
                min(max(v, 0), n - 1) for v, n in zip(place, x.shape[1:3], strict=True)
            )
            for i in range(x.shape[1]):
                for j in range(x.shape[2]):
                    weight = max(0, 1 - abs(y - i)) * max(0, 1 - abs(x_ - j))
                    column[b, p] += weight * x[b, i, j]
        columns.append(column)
    return np.concatenate(columns, axis=-1)


@pytest.mark.parametrize("alignment", ["centers", "corner"])
@pytest.mark.parametrize("size", [(9, 14), (1, 5), (33, 2)])
def test_equals_brute_force_inside_and_outside(size, alignment):
    points = np.random.default_rng(0).uniform(-4, 38, (2, 9, 2)).astype("float32")
    points[0, :3] = [[0, 0], [0.5, 3], [size[0] - 1, size[1] - 1]]
    layer = layers.SparseHypercolumn(_STRIDES, _OFFSETS, alignment)
    offsets = _OFFSETS if alignment == "centers" else [0] * len(_STRIDES)
    np.testing.assert_allclose(
        to_numpy(layer(taps(*size), points)),
        _brute_force(taps(*size), points, offsets),
        atol=2e-5,  # Positions are float32: 1e-6 of a map 33 pixels high.
    )


@pytest.mark.parametrize(
    "point, stride, offset, expected",
    [
        ((1, 1), 2, 0, 2.5),  # (0.5, 0.5): the mean of 0, 1, 4 and 5.
        ((3, 5), 2, 0, 8.5),  # (1.5, 2.5)
        ((3, 5), 2, 0.5, 7.25),  # (1.25, 2.25)
        ((7, 3), 4, 1.5, 5.875),  # (1.375, 0.375)
        ((7, 3), 4, 0, 7.75),  # (1.75, 0.75)
        ((2, 3), 1, 0, 11),  # The last pixel itself.
        ((99, 99), 1, 0, 11),
        ((-99, -99), 1, 0, 0),
    ],
)
def test_values_worked_by_hand(point, stride, offset, expected):
    # The value at (y, x) is 4 y + x, so it is 4 y + x between pixels as well.
    x = np.arange(12, dtype="float32").reshape(1, 3, 4, 1)
    layer = layers.SparseHypercolumn([stride], [offset])
    y = to_numpy(layer([x], np.float32([[point]])))
    np.testing.assert_array_equal(y, [[[expected]]])


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_corner_equals_legacy_resize(scale):
    # TensorFlow 1 resized with source = target * in / out.
    x = ramp(2, 5, 7, 3)
    resized = tf.compat.v1.image.resize_bilinear(x, (5 * scale, 7 * scale))
    grid = np.stack(
        np.meshgrid(*map(np.arange, resized.shape[1:3]), indexing="ij"), axis=-1
    )
    points = np.broadcast_to(grid.reshape(1, -1, 2), (2, grid.size // 2, 2))
    layer = layers.SparseHypercolumn([scale], [99], alignment="corner")
    np.testing.assert_allclose(
        to_numpy(layer([x], points.astype("float32"))),
        np.reshape(resized, (2, -1, 3)),
        atol=1e-6,
    )


def test_gradient_is_the_adjoint():
    # <forward(f), c> == <f, gradient(c)> for a linear map, tap by tap.
    features = [tf.constant(x) for x in taps(9, 14)]
    points = tf.constant(ramp(2, 40, 2, low=-3, high=15))  # Some share a pixel.
    layer = layers.SparseHypercolumn(_STRIDES, _OFFSETS)
    with tf.GradientTape() as tape:
        tape.watch([features, points])
        output = layer(features, points)
    cotangent = ramp(*output.shape)
    gradients, of_points = tape.gradient(output, [features, points], cotangent)
    assert of_points is None
    ends = np.cumsum([0] + [x.shape[-1] for x in features])
    for i, (x, gradient) in enumerate(zip(features, gradients, strict=True)):
        part = slice(ends[i], ends[i + 1])
        np.testing.assert_allclose(
            np.vdot(output.numpy()[..., part], cotangent[..., part]),
            np.vdot(x, tf.convert_to_tensor(gradient)),
            rtol=1e-4,
        )


def test_points_are_not_rounded_in_bfloat16():
    # bfloat16 would read pixel 300 for 301.
    x = np.zeros((1, 1, 400, 1), "float32")
    x[0, 0, 301] = 1
    layer = layers.SparseHypercolumn([1], [0], dtype="mixed_bfloat16")
    y = layer([keras.ops.cast(x, "bfloat16")], np.float32([[[0, 301]]]))
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    np.testing.assert_array_equal(to_numpy(y), [[[1]]])


def test_gradients_of_a_shared_pixel_are_summed_exactly_in_bfloat16():
    # 1,000 ones summed in bfloat16 get stuck at 256.
    x = tf.ones((1, 1, 1, 1), "bfloat16")
    layer = layers.SparseHypercolumn([32], [15.5], dtype="mixed_bfloat16")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer([x], np.zeros((1, 1000, 2), "float32"))
    np.testing.assert_allclose(to_numpy(tape.gradient(y, x)), 1000, rtol=4e-3)


def test_bad_shapes_are_named():
    layer = layers.SparseHypercolumn([1, 2], [0, 0.5])
    maps = [keras.Input((None, None, 3))] * 2
    with pytest.raises(ValueError, match=r"Received: points_shape=\(None, 5, 3\)"):
        layer(maps, keras.Input((5, 3)))
    with pytest.raises(ValueError, match="Received: 1 maps"):
        layer(maps[:1], keras.Input((5, 2)))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="Received: alignment='center'"):
        layers.SparseHypercolumn([1], [0], "center")
