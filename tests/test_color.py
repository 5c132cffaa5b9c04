"""Color conversions against colorsys, scikit-image and hand-worked values."""

import colorsys
import importlib.util

import numpy as np
import pytest
import skimage.color

from selfsup import color

RANDOM = np.random.default_rng(0).random((500, 3), dtype=np.float32)


@pytest.mark.parametrize(
    "rgb, hue, chroma",
    [
        ((1, 0, 0), 0, 1),
        ((1, 1, 0), 1 / 6, 1),
        ((0, 1, 0), 1 / 3, 1),
        ((0, 1, 1), 0.5, 1),
        ((0, 0, 1), 2 / 3, 1),
        ((1, 0, 1), 5 / 6, 1),
        ((0.8, 0.4, 0.2), 0.0555556, 0.6),
        ((0.2, 0.4, 0.8), 0.6111111, 0.6),
        ((1, 0, 0.01), 0.9983333, 1),
        ((0.5, 0.5, 0.5), 0, 0),
        ((0, 0, 0), 0, 0),
    ],
)
def test_hue_and_chroma_of_known_colors(rgb, hue, chroma):
    got = color.rgb_to_hue_chroma(np.float32(rgb))
    np.testing.assert_allclose(got, (hue, chroma), atol=1e-6)


def test_hue_and_chroma_agree_with_colorsys():
    hue, chroma = color.rgb_to_hue_chroma(RANDOM)
    for rgb, h, c in zip(RANDOM, hue.numpy(), chroma.numpy(), strict=True):
        expected, saturation, value = colorsys.rgb_to_hsv(*rgb.astype(float))
        assert h == pytest.approx(expected, abs=2e-5)  # float32 of a quotient
        assert c == pytest.approx(saturation * value, abs=1e-6)


def test_hue_stays_below_one_for_reds_that_round_up():
    hue, _ = color.rgb_to_hue_chroma(np.float32([1.0, 0.0, 1e-9]))
    assert 0 <= hue < 1


def test_gray_is_the_plain_mean():
    gray = color.rgb_to_gray(RANDOM)
    np.testing.assert_allclose(gray, RANDOM.mean(-1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize(
    "rgb, lab",
    [
        ((1, 1, 1), (100, -0.0025, 0.0047)),
        ((1, 0, 0), (53.2406, 80.0923, 67.2028)),
        ((0, 1, 0), (87.7351, -86.1830, 83.1797)),
        ((0, 0, 1), (32.2957, 79.1856, -107.8573)),
    ],
)
def test_lab_of_known_colors(rgb, lab):
    np.testing.assert_allclose(color.rgb_to_lab(np.float32(rgb)), lab, atol=5e-4)


def test_lab_agrees_with_scikit_image():
    cube = np.stack(np.meshgrid(*[np.linspace(0, 1, 18)] * 3), -1).astype(np.float32)
    lab = skimage.color.rgb2lab(cube.astype(np.float64))
    # 2e-4: the rounding of float32, seen from 90 units of a.
    np.testing.assert_allclose(color.rgb_to_lab(cube), lab, atol=2e-4)


def test_lab_agrees_with_tensorflow_io():
    spec = importlib.util.find_spec("tensorflow_io")
    if spec is None:
        pytest.skip("tensorflow-io has no wheel for this Python")
    # Its native part loads on no current TensorFlow; this file needs none.
    path = spec.submodule_search_locations[0] + "/python/experimental/color_ops.py"
    spec = importlib.util.spec_from_file_location("tfio_color_ops", path)
    color_ops = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(color_ops)
    np.testing.assert_allclose(
        color.rgb_to_lab(RANDOM), color_ops.rgb_to_lab(RANDOM), atol=2e-4
    )
    lab = color.rgb_to_lab(RANDOM)
    np.testing.assert_allclose(
        color.lab_to_rgb(lab), color_ops.lab_to_rgb(lab), atol=2e-5
    )


def test_lab_there_and_back():
    np.testing.assert_allclose(
        color.lab_to_rgb(color.rgb_to_lab(RANDOM)), RANDOM, atol=2e-5
    )


def test_hue_and_chroma_there_and_back():
    gray = color.rgb_to_gray(RANDOM)
    rgb = color.gray_hue_chroma_to_rgb(gray, *color.rgb_to_hue_chroma(RANDOM))
    np.testing.assert_allclose(rgb, RANDOM, atol=1e-5)


def test_ab_there_and_back_where_gray_gives_the_lightness():
    # Neutral colors: L of the gray is L of the color.
    gray = np.linspace(0, 1, 11, dtype=np.float32)[:, None]
    rgb = np.repeat(gray, 3, -1)
    ab = color.rgb_to_lab(rgb)[..., 1:]
    np.testing.assert_allclose(color.gray_ab_to_rgb(gray, ab), rgb, atol=1e-4)


@pytest.mark.parametrize("chroma", [0.0, 0.4, 1.0])
def test_gray_is_kept_where_chroma_leaves_the_gamut(chroma):
    hue, gray = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, 1, 21))
    gray = gray.astype(np.float32)[..., None]
    rgb = color.gray_hue_chroma_to_rgb(
        gray, hue.astype(np.float32), np.full(hue.shape, chroma, np.float32)
    ).numpy()
    assert rgb.min() >= 0 and rgb.max() <= 1
    np.testing.assert_allclose(rgb.mean(-1, keepdims=True), gray, atol=1e-6)


def test_decoding_worked_by_hand():
    hue = np.zeros(32, np.float32)
    hue[[5, 6]] = 0.5
    value, fade = color.decode_hue(hue)
    assert float(value) == pytest.approx(0.1875, abs=1e-6)
    # Mean vector over 32 bins 0.0310995, above 0.03: no fading.
    assert float(fade) == 1.0
    chroma = np.zeros(32, np.float32)
    chroma[3], chroma[10] = 0.4, 0.6
    assert float(color.decode_chroma(chroma)) == pytest.approx(0.328125)
    assert float(color.decode_chroma(chroma, "expectation")) == pytest.approx(0.240625)
    assert float(color.decode_chroma(chroma, "mode")) == pytest.approx(10.5 / 32)


def test_undecided_hue_fades_to_gray():
    gray = np.float32([[0.5]])
    flat = np.full((1, 32), 1 / 32, np.float32)
    strong = np.eye(32, dtype=np.float32)[30:31]
    rgb = color.histograms_to_rgb(gray, flat, strong)
    np.testing.assert_allclose(rgb, 0.5, atol=1e-6)


def test_chroma_median_survives_sums_that_round_below_one():
    chroma = np.zeros(32, np.float32)
    chroma[31] = 0.49999  # The rest of the mass was lost to rounding.
    assert float(color.decode_chroma(chroma)) == pytest.approx(31.5 / 32)


def test_unknown_mode_is_named():
    with pytest.raises(ValueError, match="Received: hue_mode='average'"):
        color.decode_hue(np.ones(4, np.float32), "average")
    with pytest.raises(ValueError, match="Received: chroma_mode='q75'"):
        color.decode_chroma(np.ones(4, np.float32), "q75")
