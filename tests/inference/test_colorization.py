"""Predicted colors of whole images."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import color, heads, networks
from selfsup.inference import colorization

import fakes

RNG = np.random.default_rng(0)


def _constant(constants):
    """Returns a predictor of the same logits at every point."""

    def predict(inputs):
        count = len(inputs["gray"])
        return {
            name: tf.broadcast_to(value, [count, 4, len(value)])
            for name, value in constants.items()
        }

    return predict


@pytest.mark.parametrize("short_side", [None, 7, 40])
@pytest.mark.parametrize("shape", [(1, 1), (9, 31), (33, 16)])
def test_coloring_keeps_the_gray_and_takes_the_predicted_color(shape, short_side):
    image = RNG.uniform(0.4, 0.6, (*shape, 3)).astype(np.float32)
    rgb = colorization.color_image(fakes.always(10, 3), image, short_side)
    gray = image.mean(-1, keepdims=True)
    np.testing.assert_allclose(rgb.mean(-1, keepdims=True), gray, atol=1e-6)
    hue, chroma = color.rgb_to_hue_chroma(rgb)
    # Bin 10 of hue is centerd at 10.5 / 32, bin 3 of chroma at 3.5 / 32.
    np.testing.assert_allclose(hue, 10.5 / 32, atol=1e-3)
    np.testing.assert_allclose(chroma, 3.5 / 32, atol=1e-3)


@pytest.mark.parametrize(
    "shape, short_side, expected",
    [
        ((30, 40), 15, (15, 20)),
        ((8, 64), 4, (4, 32)),
        # Longer than 8 to 1: 8 * 16 pixels, still 25 to 1.
        ((4, 100), 4, (2, 57)),
        ((1, 5000), 4, (1, 800)),
        ((1, 1), 4, (4, 4)),
    ],
)
def test_the_network_sees_the_side_wanted_unless_the_image_is_long(
    shape, short_side, expected
):
    image = np.full((*shape, 1), 0.25, np.float32)
    small = colorization.resize_short_side(image, short_side)
    assert small.shape == (*expected, 1)
    np.testing.assert_allclose(small, 0.25, atol=1e-6)


def test_differences_sum_to_zero_and_make_the_color():
    gray = np.full((9, 12, 1), 0.5, np.float32)
    predict = fakes.always(10, 3)
    differences = colorization.predicted_chroma_offsets(predict, gray, short_side=3)
    assert differences.shape == (3, 4, 3)
    np.testing.assert_allclose(np.sum(differences, -1), 0, atol=1e-6)
    colored = colorization.color_image(predict, gray, short_side=3)
    np.testing.assert_allclose(
        colored - gray, np.broadcast_to(differences[0, 0], (9, 12, 3)), atol=1e-6
    )


@pytest.mark.parametrize(
    "shape, margin", [((1, 1), 0), ((9, 40), 1), ((40, 17), 2), ((300, 200), 16)]
)
def test_the_network_sees_a_mirrored_margin_that_is_cut_off(shape, margin):
    gray = RNG.random((*shape, 1), dtype=np.float32)
    seen = []

    def predict(image):
        seen.append(image.numpy())
        return fakes.always(10, 3)(image)

    differences = colorization.predicted_chroma_offsets(predict, gray)
    # NumPy calls it symmetric: the edge itself is repeated.
    pads = [(margin, margin), (margin, margin), (0, 0)]
    expected = np.pad(gray, pads, "symmetric") - 0.4488
    np.testing.assert_allclose(seen[0][0], expected, atol=1e-6)
    assert differences.shape == (*shape, 3)


def test_each_pixel_gets_the_color_predicted_there():
    gray = np.full((8, 12, 1), 0.5, np.float32)

    def predict(image):
        # The chroma of a pixel shows its position; the margin has one pixel.
        rows, columns = np.indices(image.shape[1:3]) - 1
        return {
            "hue": 30 * tf.one_hot(np.zeros((1, *rows.shape), int), 32),
            "chroma": 30 * tf.one_hot((rows + columns)[None], 32),
        }

    differences = colorization.predicted_chroma_offsets(predict, gray).numpy()
    rows, columns = np.indices((8, 12))
    # The centers of bins k lie at (k + 0.5) / 32.
    expected = (rows + columns + 0.5) / 32
    np.testing.assert_allclose(np.ptp(differences, axis=-1), expected, atol=1e-3)


def test_gray_and_color_images_are_colored_alike():
    image = RNG.random((8, 9, 3), dtype=np.float32)
    gray = image.mean(-1, keepdims=True)
    np.testing.assert_allclose(
        colorization.color_image(fakes.always(5, 9), image),
        colorization.color_image(fakes.always(5, 9), gray),
        atol=1e-5,
    )


def test_lab_prediction_is_decoded_at_its_scale():
    image = np.full((6, 6, 1), 0.5, np.float32)
    ab = np.float32([20.0, -30.0])

    def predict(gray):
        scaled = tf.constant(ab / 110.0)
        return {"ab": tf.broadcast_to(scaled, [*gray.shape[:3], 2])}

    rgb = colorization.color_image(predict, image)
    expected = color.gray_ab_to_rgb(image, np.broadcast_to(ab, (6, 6, 2)))
    np.testing.assert_allclose(rgb, expected, atol=1e-5)


@pytest.mark.slow
def test_dense_predictor_takes_all_sizes_and_equals_the_dense_model():
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), 4, hidden=8)
    fakes.randomize(model, bias=0.1)
    predict, dense = colorization.dense_predictor(model), heads.dense(model)
    for shape in ((1, 5, 7, 1), (2, 33, 12, 1)):
        gray = RNG.uniform(-0.4, 0.5, shape).astype(np.float32)
        expected = dense(gray, training=False)
        for name, value in predict(gray).items():
            np.testing.assert_allclose(value, expected[name], atol=1e-4)
