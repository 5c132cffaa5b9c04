"""In strips or at once, the result is the same."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup.data import decoding, strips


def _image(height, width, channels, dtype=np.uint8):
    rng = np.random.default_rng(0)
    values = rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels))
    return values.astype(dtype)


@pytest.mark.parametrize("height", [1, 6, 7, 25])
@pytest.mark.parametrize("pixels", [1, 20, 2**20])
def test_strips_make_the_whole(height, pixels, monkeypatch):
    monkeypatch.setattr(strips, "PIXELS", pixels)
    image, sizes = _image(height, 10, 4), []

    def function(rows):
        sizes.append(rows.shape[0])
        return 255 - rows[..., :3]

    result = strips.mapped(function, tf.constant(image))
    np.testing.assert_array_equal(result, 255 - image[..., :3])
    assert max(sizes) <= max(1, pixels // 10)


def test_rows_that_belong_together_stay_together(monkeypatch):
    monkeypatch.setattr(strips, "PIXELS", 30)
    image = _image(24, 6, 3)
    result = strips.mapped(
        lambda rows: tf.reduce_max(tf.reshape(rows, [-1, 4, 6, 3]), axis=1), image, 4
    )
    np.testing.assert_array_equal(result, image.reshape(6, 4, 6, 3).max(axis=1))


def test_opencv_images_in_strips(monkeypatch):
    image = _image(13, 7, 4, np.uint16)
    expected = decoding.to_rgb8(image)
    monkeypatch.setattr(strips, "PIXELS", 20)
    np.testing.assert_array_equal(decoding.to_rgb8(image), expected)


def test_graphs(monkeypatch):
    monkeypatch.setattr(strips, "PIXELS", 20)
    image = _image(13, 7, 4)
    signature = [tf.TensorSpec([None, None, 4], tf.uint8)]
    run = tf.function(decoding.on_white, input_signature=signature, autograph=False)
    alpha = image[..., 3:] / 255
    expected = image[..., :3] * alpha + 255 * (1 - alpha)
    np.testing.assert_allclose(run(image), expected, atol=0.501)
