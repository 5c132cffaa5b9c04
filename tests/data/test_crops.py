"""Crops for training and evaluation, beside plain NumPy and whole resized images."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup.data import crops as crops_lib
from selfsup.data import voc

BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))


def random_image(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, [height, width, 3], np.uint8)


def values_of(image, color=False):
    """The network's input of an image, in float64."""
    gray = image if color else image.mean(axis=-1, keepdims=True)
    return gray / 255 - 0.4488


def padded(values, size, fill):
    """Pads an image centrally to at least `size`; odd rests go to the end."""
    missing = [max(size - side, 0) for side in values.shape[:2]]
    pads = [(m // 2, m - m // 2) for m in missing] + [(0, 0)] * (values.ndim - 2)
    return np.pad(values, pads, constant_values=fill)


@pytest.mark.parametrize("length, crop", [(10, 7), (7, 7), (500, 448), (9000, 17)])
def test_all_positions_have_equal_shares(length, crop):
    positions = length - crop + 1
    middles = (np.arange(positions) + 0.5) / positions
    for position in (0.0, BELOW_ONE):
        corner = crops_lib.crop_corner([length, crop], crop, [position, position])
        assert corner.numpy().tolist() == [(positions - 1) * (position > 0), 0]
    for expected in {0, positions // 3, positions - 1}:
        position = [middles[expected], 0.5]
        corner = crops_lib.crop_corner([length, crop], crop, np.float32(position))
        assert corner.numpy().tolist() == [expected, 0]


@pytest.mark.parametrize("length, corner", [(4, -1), (3, -2), (1, -3), (6, 0), (7, 0)])
def test_small_images_lie_in_the_center(length, corner):
    found = crops_lib.crop_corner([length, length], 7, [0.1, 0.1])
    assert found.numpy().tolist() == [corner, corner]


@pytest.mark.parametrize("size", [(40, 50), (16, 16), (9, 30), (30, 9), (5, 4), (1, 1)])
@pytest.mark.parametrize("color", [False, True])
def test_image_and_mask_are_cut_alike(size, color):
    image = random_image(*size)
    mask = image[..., 0]
    rng = np.random.default_rng(1)
    for draws in rng.uniform(size=[6, 4]).astype(np.float32):
        crop, labels = crops_lib.paired_crop(image, mask, draws, 16, color)
        room = [max(side - 16, 0) for side in size]
        y, x = (int(u * (r + 1)) for u, r in zip(draws[1:3], room, strict=True))
        step = -1 if draws[3] < 0.5 else 1
        window = (slice(y, y + 16), slice(x, x + 16))
        expected = padded(values_of(image, color), 16, 0.0)[window][:, ::step]
        np.testing.assert_allclose(crop, expected, atol=1e-6)
        expected = padded(mask, 16, 255)[window][:, ::step]
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("scale", [0.5, 0.77, 1.0, 1.4, 2.0])
@pytest.mark.parametrize("size", [(40, 50), (9, 31), (3, 2)])
def test_scaling_only_the_crop_equals_scaling_the_image(scale, size):
    image = random_image(*size)
    rng = np.random.default_rng(2)
    scaled = [max(1, int(np.round(np.float32(side) * scale))) for side in size]
    whole = tf.image.resize(
        values_of(image), scaled, method="bilinear", antialias=True
    ).numpy()
    for draws in rng.uniform(size=[4, 4]).astype(np.float32):
        # The first draw spreads the scales from 0.5 to 2.
        draws[0] = (scale - 0.5) / 1.5
        crop = crops_lib.scaled_crop(image, draws, 16)
        room = [max(side - 16, 0) for side in scaled]
        y, x = (int(u * (r + 1)) for u, r in zip(draws[1:3], room, strict=True))
        expected = padded(whole, 16, 0.0)[y : y + 16, x : x + 16]
        expected = expected[:, :: -1 if draws[3] < 0.5 else 1]
        np.testing.assert_allclose(crop, expected, atol=2e-5)


def test_scales_fill_their_range():
    # In a ramp of one level a pixel the crop's slope is one over the scale.
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], [64, 1, 3])
    crops = voc.random_crops(ramp, 300, 24, (0, 0)).numpy()
    row = crops[:, 12, :, 0] * 255
    slope = np.abs(row[:, 20] - row[:, 4]) / 16
    scales = 1 / slope
    assert 0.49 < scales.min() < 0.53 and 1.97 < scales.max() < 2.02
    # The mean of a uniform number, four standard errors allowed.
    assert abs(scales.mean() - 1.25) < 4 * 1.5 / np.sqrt(12 * 300)
    mirrored = np.mean(row[:, 20] < row[:, 4])
    assert abs(mirrored - 0.5) < 4 * 0.5 / np.sqrt(300)


def test_random_crops_are_a_function_of_seed_and_number():
    image = random_image(30, 40)
    crops = voc.random_crops(image, 3, 16, (5, 7))
    assert crops.shape == (3, 16, 16, 1)
    again = voc.random_crops(image, 3, 16, (5, 7))
    np.testing.assert_array_equal(crops, again)
    others = [voc.random_crops(image, 3, 16, seed) for seed in ((5, 8), (6, 7), (7, 5))]
    every = np.concatenate([crops, *others])
    assert len(np.unique(every.reshape(12, -1), axis=0)) == 12
    assert voc.random_crops(image, 2, 16, (5, 7), color=True).shape == (2, 16, 16, 3)


def test_gray_crops_are_the_mean_of_color_crops():
    image = random_image(30, 40)
    gray = voc.random_crops(image, 4, 16, (5, 7))
    color = voc.random_crops(image, 4, 16, (5, 7), color=True)
    np.testing.assert_allclose(gray[..., 0], np.mean(color, axis=-1), atol=1e-6)


@pytest.mark.parametrize("color", [False, True])
def test_fixed_crops(color):
    image = random_image(20, 25)
    values = values_of(image, color)
    crops = voc.fixed_crops(image, 16, color)
    # By hand: 4 rows and 9 columns of room, whose middles are 2 and 5 (of 0 to 9).
    corners = [(0, 0), (0, 9), (4, 0), (4, 9), (2, 5)]
    expected = [values[y : y + 16, x : x + 16] for y, x in corners]
    expected += [crop[:, ::-1] for crop in expected]
    np.testing.assert_allclose(crops, expected, atol=1e-6)


def test_fixed_crops_of_a_small_image():
    image = random_image(5, 20)
    whole = padded(values_of(image), 16, 0.0)
    assert whole.shape == (16, 20, 1) and np.all(whole[:5] == 0)
    crops = voc.fixed_crops(image, 16)
    np.testing.assert_allclose(crops[0], whole[:, :16], atol=1e-6)
    np.testing.assert_allclose(crops[3], whole[:, 4:], atol=1e-6)
    np.testing.assert_allclose(crops[9], whole[:, 17:1:-1], atol=1e-6)
