import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers

from contracts import ramp, to_numpy


def _brute_force(x, size, stride, padding):
    """Caffe's pooling, one axis after the other: maximum is separable."""
    for axis in (1, 2):
        length = x.shape[axis]
        count = -(-(length + 2 * padding - size) // stride) + 1
        if padding and (count - 1) * stride >= length + padding:
            count -= 1
        windows = []
        for i in range(max(count, 1)):
            start = i * stride - padding
            inside = range(max(start, 0), min(start + size, length))
            windows.append(x.take(inside, axis=axis).max(axis=axis))
        x = np.stack(windows, axis=axis)
    return x


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", [2, 3])
def test_equals_brute_force_on_every_size(size, padding):
    layer = layers.CeilMaxPooling2D(size, 2, padding)

    @tf.function(input_signature=[tf.TensorSpec([None] * 3 + [2])])
    def of_unknown_size(x):
        return layer(x)

    for length in range(1, 21):
        # All negative: a zero from the padding would win.
        x = ramp(1, length, 21 - length, 2, low=-2, high=-1)
        expected = _brute_force(x, size, 2, padding)
        assert layer.compute_output_shape(x.shape) == expected.shape
        np.testing.assert_array_equal(to_numpy(layer(x)), expected)
        np.testing.assert_array_equal(to_numpy(of_unknown_size(x)), expected)


@pytest.mark.parametrize("size, stride", [(1, 1), (3, 1), (3, 3), (5, 2), (5, 4)])
def test_equals_brute_force_with_other_windows(size, stride):
    for padding in range(size):
        layer = layers.CeilMaxPooling2D(size, stride, padding)
        for length in range(1, 12):
            x = ramp(1, length, 13 - length, 1, low=-2, high=-1)
            graph = tf.function(
                layer, input_signature=[tf.TensorSpec([None] * 3 + [1])]
            )
            expected = _brute_force(x, size, stride, padding)
            np.testing.assert_array_equal(to_numpy(layer(x)), expected)
            if length < 4:  # Where the largest pad of unknown sizes is needed.
                np.testing.assert_array_equal(to_numpy(graph(x)), expected)


def test_row_worked_by_hand():
    x = np.float32([5, 1, 2, 7, 3, 4]).reshape(1, 1, 6, 1)
    # Windows of 3 at 0, 2 and 4; the last one is cut off after two pixels.
    y = to_numpy(layers.CeilMaxPooling2D(3, 2)(x))
    np.testing.assert_array_equal(y.ravel(), [5, 7, 4])


def test_place_of_a_window_does_not_depend_on_the_size():
    # "same" puts the peak of odd sizes elsewhere than that of even sizes.
    layer = layers.CeilMaxPooling2D(3, 2)
    for width in (8, 9):
        x = np.zeros((1, 1, width, 1), "float32")
        x[0, 0, 3] = 1
        assert to_numpy(layer(x)).argmax() == 1


@pytest.mark.parametrize("args", [(2, 2), (3, 2), (3, 2, 1)])
def test_gradient_goes_to_the_largest_pixel_of_each_window(args):
    x = tf.constant(ramp(1, 5, 6, 1, low=-2, high=-1))
    layer = layers.CeilMaxPooling2D(*args)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    gradient = tape.gradient(y, x).numpy()
    values, counts = np.unique(y, return_counts=True)
    for value, count in zip(values, counts, strict=True):
        assert gradient[x == value] == count
    assert gradient.sum() == y.numpy().size


@pytest.mark.parametrize(
    "args, received",
    [
        ((0, 1), "pool_size=0"),
        ((2, 0), "strides=0"),
        ((2, 3), "strides=3, pool_size=2"),
        ((2, 2, 2), "padding=2, pool_size=2"),
        ((2, 2, -1), "padding=-1, pool_size=2"),
    ],
)
def test_bad_arguments_are_named(args, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        layers.CeilMaxPooling2D(*args)
