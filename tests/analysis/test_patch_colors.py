"""Colors of patches against a loop over their pixels."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from selfsup import networks
from selfsup.analysis.patch_colors import PatchColors
from selfsup.networks.geometry import _Grid

import fakes


def _color(pixels):
    """The color of `[..., 3]` pixels as a point, by Python's own conversion."""
    points = []
    for rgb in pixels.reshape(-1, 3):
        hue = colorsys.rgb_to_hsv(*map(float, rgb))[0]
        points.append((rgb.max() - rgb.min()) * np.exp(2j * np.pi * hue))
    mean = np.mean(points)
    return [mean.real, mean.imag] / np.sqrt(abs(mean))


@pytest.mark.parametrize(
    "grid", [_Grid(1, 0.0, 1), _Grid(2, 0.5, 6), _Grid(4, 1.0, 9), _Grid(8, 3.5, 100)]
)
def test_colors_are_those_of_the_pixels_inside(grid):
    size = 12
    crops = fakes.image(2, size, size, 3)
    count = -(-size // grid.stride)
    colors, counting = PatchColors(crops).of_map(grid, tf.constant([count] * 2))
    assert counting.numpy().all()
    inside = PatchColors(crops).of_map(grid, tf.constant([count] * 2), False)[1]
    side = max(1, min(grid.field, size) // 2)
    for i in range(count):
        for j in range(count):
            lines = []
            for place in (i, j):
                center = grid.offset + grid.stride * place
                first = np.floor(center - (side - 1) / 2 + 0.5)
                lines.append([x for x in first + np.arange(side) if 0 <= x < size])
            assert inside[i, j] == all(len(found) == side for found in lines)
            rows, columns = (np.array(found, int) for found in lines)
            pixels = crops[1][rows][:, columns] + np.float32(0.4488)
            expected = _color(np.clip(pixels, 0, 1))
            np.testing.assert_allclose(colors[1, i, j], expected, atol=1e-5)


def test_the_last_map_of_a_small_crop_has_a_color_too():
    """AlexNet's deep maps are centered beyond small crops."""
    grid = networks.grids(fakes.network("alexnet"))["drop7"]
    crops = np.tile(np.float32([0.5, -0.3, -0.3]), (1, 24, 24, 1))
    assert grid.offset > 24
    colors, _ = PatchColors(crops).of_map(grid, tf.constant([1, 1]))
    np.testing.assert_allclose(colors[0, 0, 0], [np.sqrt(0.8), 0], atol=1e-5)


def test_gray_is_the_origin():
    colors, _ = PatchColors(np.zeros((1, 8, 8, 3), np.float32)).of_map(
        _Grid(1, 0.0, 4), tf.constant([8, 8])
    )
    np.testing.assert_array_equal(colors, np.zeros((1, 8, 8, 2)))
