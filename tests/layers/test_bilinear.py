import numpy as np
import pytest

from selfsup.layers import bilinear

from contracts import to_numpy


def test_corners_worked_by_hand():
    lower, upper, weight = to_numpy(
        bilinear.corners(np.float32([-1, 0, 0.25, 2, 2.5, 9]), 4)
    )
    np.testing.assert_array_equal(lower, [0, 0, 0, 2, 2, 3])
    np.testing.assert_array_equal(upper, [1, 1, 1, 3, 3, 3])
    np.testing.assert_array_equal(weight, [0, 0, 0.25, 0, 0.5, 0])


def test_corners_of_a_single_pixel():
    lower, upper, weight = to_numpy(bilinear.corners(np.float32([-1, 0, 5]), 1))
    np.testing.assert_array_equal([lower, upper, weight], np.zeros((3, 3)))


def test_output_positions_are_the_centers_of_blocks():
    # Blocks of four pixels, 0..3 and 4..7, are centered at 1.5 and 5.5.
    index = np.arange(2)
    np.testing.assert_array_equal(
        to_numpy(bilinear.output_position(index, 4)), [1.5, 5.5]
    )
    np.testing.assert_array_equal(to_numpy(bilinear.output_position(index, 1)), [0, 1])


def test_output_length_is_rounded_up():
    assert [bilinear.output_length(n, 4) for n in (1, 4, 5, None)] == [1, 1, 2, None]


@pytest.mark.parametrize(
    "args, received",
    [
        (([1], [0], "center"), "alignment='center'"),
        (([], [], "corner"), r"strides=\[\]"),
        (([1, 0], [0, 0], "corner"), r"strides=\[1, 0\]"),
        (([1, 2], [0], "corner"), r"offsets=\[0\], strides=\[1, 2\]"),
    ],
)
def test_bad_taps_are_named(args, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        bilinear.check_taps(*args)


def test_missing_maps_are_counted():
    with pytest.raises(ValueError, match="Received: 1 maps"):
        bilinear.check_features([None], [1, 2])
