"""Targets against brute force, box filters and values worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from selfsup import targets


def brute_force(values, points, bins, window):
    """Counts one pixel at a time."""
    result = np.zeros([len(points), bins])
    for row, (y, x) in enumerate(points):
        for j in range(y - window // 2, y + window // 2 + 1):
            for i in range(x - window // 2, x + window // 2 + 1):
                if 0 <= j < values.shape[0] and 0 <= i < values.shape[1]:
                    index = int(np.floor(values[j, i] * np.float32(bins)))
                    result[row, min(index, bins - 1)] += 1
    return result / result.sum(axis=1, keepdims=True)


def hue_chroma(image):
    """The hexcone by `colorsys`, pixel by pixel."""
    import colorsys

    flat = image.reshape(-1, 3).astype(float)
    hue = [colorsys.rgb_to_hsv(*pixel)[0] for pixel in flat]
    chroma = image.max(-1) - image.min(-1)
    return np.reshape(hue, image.shape[:2]), chroma


@pytest.fixture
def image():
    # 256 levels as in files; random bytes have all hues, and no ties.
    pixels = np.random.default_rng(0).integers(0, 256, [20, 31, 3])
    return (pixels / 255).astype(np.float32)


POINTS = np.array([[0, 0], [0, 30], [19, 0], [19, 30], [10, 15], [2, 3], [18, 29]])


@pytest.mark.parametrize("bins", [2, 31, 32])
@pytest.mark.parametrize("window", [1, 3, 7])
def test_histograms_equal_brute_force(image, bins, window):
    result = targets.histograms(image, POINTS, bins, window)
    hue, chroma = hue_chroma(image)
    # Hue is computed in float32 here and in double there: a value on the edge
    # of two bins may fall to either side, which moves one vote.
    expected = brute_force(hue, POINTS, bins, window)
    moved = np.abs(result["hue"].numpy() - expected).sum(-1) / 2
    assert np.sum(moved > 1e-6) <= 1
    expected = brute_force(chroma, POINTS, bins, window)
    np.testing.assert_allclose(result["chroma"], expected, atol=1e-6)


def test_histograms_equal_a_box_filter_everywhere(image):
    height, width = image.shape[:2]
    points = np.stack(np.indices([height, width]), -1).reshape(-1, 2)
    result = targets.histograms(image, points, bins=8)["chroma"]
    index = np.minimum((hue_chroma(image)[1] * 8).astype(int), 7)
    votes = np.eye(8)[index]
    # Zeros outside: clipped windows have fewer votes.
    sums = ndimage.uniform_filter(votes, [7, 7, 0], mode="constant")
    expected = sums / sums.sum(-1, keepdims=True)
    np.testing.assert_allclose(result, expected.reshape(-1, 8), atol=1e-6)


def test_window_histogram_oracle():
    # Oracle 5: value ((x mod 8) + 0.5) / 8, so each bin is one column of eight.
    values = np.tile(((np.arange(16) % 8) + 0.5) / 8, [16, 1]).astype(np.float32)
    points = [[8, 8], [0, 0], [15, 15], [1, 8], [8, 5]]
    patches, valid = targets.gather_patches(values[..., None], points)
    result = targets.value_histograms(patches[..., 0], valid, 8).numpy()
    seventh = np.full(8, 1 / 7)
    without = lambda bin: np.where(np.arange(8) == bin, 0, seventh)  # noqa: E731
    low, high = np.repeat([0.25, 0], 4), np.repeat([0, 0.25], 4)
    expected = [without(4), low, high, without(4), without(1)]
    np.testing.assert_allclose(result, expected, atol=1e-7)


@pytest.mark.parametrize(
    "rgb, hue_bin, chroma_bin",
    [
        ((1, 0, 0), 0, 31),
        ((1, 1, 0), 5, 31),
        ((0, 1, 0), 10, 31),
        ((0, 1, 1), 16, 31),
        ((0, 0, 1), 21, 31),
        ((1, 0, 1), 26, 31),
        ((0.8, 0.4, 0.2), 1, 19),
        ((0.2, 0.4, 0.8), 19, 19),
        ((1, 0, 0.01), 31, 31),
        ((0.5, 0.5, 0.5), 0, 0),
        ((0, 0, 0), 0, 0),
    ],
)
def test_colors_fall_into_the_bins_of_oracle_1(rgb, hue_bin, chroma_bin):
    image = np.full([9, 9, 3], rgb, np.float32)
    result = targets.histograms(image, [[4, 4]])
    assert np.argmax(result["hue"][0]) == hue_bin
    assert np.argmax(result["chroma"][0]) == chroma_bin
    assert np.max(result["hue"]) == np.max(result["chroma"]) == 1


def test_histograms_are_the_same_inside_tf_data(image):
    eager = targets.histograms(image, POINTS)
    dataset = tf.data.Dataset.from_tensors((image, POINTS)).map(targets.histograms)
    for inside in dataset:
        for key in eager:
            np.testing.assert_array_equal(inside[key], eager[key])


def test_batched_patches_equal_one_by_one(image):
    patches, valid = targets.gather_patches(image, POINTS)
    batched = targets.patch_histograms(tf.stack([patches] * 2), tf.stack([valid] * 2))
    single = targets.histograms(image, POINTS)
    for key in single:
        np.testing.assert_array_equal(batched[key], [single[key]] * 2)


def test_no_valid_pixel_gives_the_uniform_histogram():
    result = targets.patch_histograms(tf.zeros([1, 4, 3]), tf.zeros([1, 4], bool), 8)
    np.testing.assert_array_equal(result["hue"], np.full([1, 8], 1 / 8))


@pytest.mark.parametrize("bins, window, received", [(1, 7, "bins=1"), (8, 4, "w.*=4")])
def test_histogram_arguments_are_checked(image, bins, window, received):
    with pytest.raises(ValueError, match=received):
        targets.histograms(image, POINTS, bins, window)


def test_chroma_weight_oracle():
    # Oracle 3.
    lightness = np.array([0, 0.1, 0.2, 1 / 3, 0.5, 0.7, 0.9, 1])
    expected = [0, 0.3, 0.6, 1, 1, 0.9, 0.3, 0]
    result = targets.chroma_weight(np.repeat(lightness[:, None], 3, 1))
    np.testing.assert_allclose(result, expected, atol=1e-6)
    trapezoid = np.minimum(1, 1.5 * (1 - np.abs(2 * lightness - 1)))
    np.testing.assert_allclose(result, trapezoid, atol=1e-6)


def test_hue_weight_is_the_chroma():
    result = targets.hue_weight([[0.8, 0.4, 0.2], [0.3, 0.3, 0.3], [0, 0, 1.0]])
    np.testing.assert_allclose(result, [0.6, 0, 1], atol=1e-6)


def test_lab_target_is_scikit_images(image):
    from skimage.color import rgb2lab

    expected = rgb2lab(image.astype(float))[..., 1:] / 110
    # Float32 against double; see the tests of the color conversions.
    np.testing.assert_allclose(targets.lab_target(image), expected, atol=2e-6)
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), -1).astype(np.float32)
    assert np.abs(targets.lab_target(corners)).max() <= 1


def test_points_fill_their_range():
    # Oracle 23: locations 96..255 of a crop of 352.
    noise = tf.random.stateless_uniform([20000, 2], (3, 4))
    points = targets.points_from_noise(noise, 352, 352, margin=96).numpy()
    assert points.dtype == np.int32
    assert points.min() == 96 and points.max() == 255
    # 160 values, 125 expected of each; 6 standard deviations.
    counts = np.bincount(points[:, 0])[96:]
    assert np.abs(counts - 125).max() < 6 * np.sqrt(125)
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.05


@pytest.mark.parametrize("height, width", [(1, 1), (2, 5), (64, 65)])
def test_too_large_a_margin_leaves_the_middle(height, width):
    noise = tf.random.stateless_uniform([500, 2], (0, 0))
    points = targets.points_from_noise(noise, height, width, margin=100).numpy()
    for axis, size in enumerate((height, width)):
        allowed = {(size - 1) // 2, size // 2}
        assert set(points[:, axis]) == allowed


def test_uniform_just_below_one_stays_inside():
    last = np.nextafter(np.float32(1), np.float32(0))
    points = targets.points_from_noise(np.full([1, 2], last), 1 << 14, 7)
    np.testing.assert_array_equal(points, [[(1 << 14) - 1, 6]])
