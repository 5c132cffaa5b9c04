import numpy as np
import pytest

from selfsup import layers

from contracts import ramp, to_numpy

_STRIDES = [1, 1, 2, 4, 8, 32, 3]
_OFFSETS = [0, 0, 0.5, 1.5, 3.5, 15.5, 1]


def _taps(height, width, batch=2):
    return [
        ramp(batch, -(-height // stride), -(-width // stride), i + 2)
        for i, stride in enumerate(_STRIDES)
    ]


@pytest.mark.parametrize("alignment", ["centers", "corner"])
@pytest.mark.parametrize("output_stride", [1, 2, 4])
@pytest.mark.parametrize("size", [(13, 22), (1, 5), (37, 2)])
def test_equals_sparse_at_the_same_positions(size, output_stride, alignment):
    args = (_STRIDES, _OFFSETS, alignment)
    dense = to_numpy(
        layers.DenseHypercolumn(*args, output_stride)(
            _taps(*size), np.zeros((2, *size, 1), "float32")
        )
    )
    rows, columns = (
        np.arange(-(-n // output_stride)) * output_stride + (output_stride - 1) / 2
        for n in size
    )
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(1, -1, 2)
    sparse = layers.SparseHypercolumn(*args)(
        _taps(*size), np.repeat(points, 2, axis=0).astype("float32")
    )
    assert dense.shape == (2, len(rows), len(columns), sum(range(2, 9)))
    # The rows and columns of a value are weighed in another order.
    np.testing.assert_allclose(dense.reshape(sparse.shape), to_numpy(sparse), atol=2e-6)


def test_tap_at_the_resolution_of_the_output_is_copied():
    x = ramp(1, 5, 6, 3)
    image = np.zeros((1, 5, 6, 1), "float32")
    y = layers.DenseHypercolumn([1], [0])([x], image)
    np.testing.assert_array_equal(to_numpy(y), x)
    # Four pixels of the image per output pixel, and the tap is centered there too.
    image = np.zeros((1, 20, 24, 1), "float32")
    y = layers.DenseHypercolumn([4], [1.5], output_stride=4)([x], image)
    np.testing.assert_array_equal(to_numpy(y), x)


def test_row_worked_by_hand():
    # Pixels 0..3 of the image lie at -0.25, 0.25, 0.75 and 1.25 of the tap.
    x = np.float32([0, 8]).reshape(1, 1, 2, 1)
    y = layers.DenseHypercolumn([2], [0.5])([x], np.zeros((1, 1, 4, 1), "float32"))
    np.testing.assert_array_equal(to_numpy(y).ravel(), [0, 2, 6, 8])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="Received: output_stride=0"):
        layers.DenseHypercolumn([1], [0], output_stride=0)
    with pytest.raises(ValueError, match=r"Received: offsets=\[\], strides=\[1\]"):
        layers.DenseHypercolumn([1], [])
