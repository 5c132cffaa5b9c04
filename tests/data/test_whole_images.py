"""Whole images come in order, upright and strictly."""

import numpy as np
import pytest
import skimage.io
import tensorflow as tf

from selfsup import data


def test_images_come_in_order_with_their_names(photos):
    images = data.open_images([str(photos)])
    read = list(data.whole_images(images, [0, 45]))
    names = sorted(str(path) for path in photos.glob("*.jpg"))
    assert [name for name, _ in read] == [names[0], names[-1]]
    for name, image in read:
        # 2: the two libraries' decoders round differently.
        other = skimage.io.imread(name)
        assert np.abs(image.astype(int) - other).max() <= 2


def test_all_images_of_several_sources(photos, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text(f"{photos}/coffee.jpg\n{photos}/rocket.jpg\n")
    images = data.open_images([str(listing), str(photos / "chelsea.jpg")])
    shapes = [image.shape for _, image in data.whole_images(images)]
    expected = [
        data.load_image(photos / f"{name}.jpg").shape
        for name in ("coffee", "rocket", "chelsea")
    ]
    assert shapes == expected


@pytest.mark.parametrize("content", [b"", b"text", None], ids=["empty", "text", "gone"])
def test_an_unreadable_image_is_named(content, tmp_path):
    path = tmp_path / "ümlaut name.jpg"
    path.write_bytes(b"x")
    images = data.open_images([str(tmp_path)])
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="ümlaut name.jpg"):
        list(data.whole_images(images))


def test_pixels_become_gray_or_color_minus_the_mean_gray():
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    exact = image.astype(np.float64) / 255
    gray = data.as_network_input(image)
    assert gray.shape == (5, 6, 1) and gray.dtype == np.float32
    expected = exact.mean(-1, keepdims=True) - 0.4488
    np.testing.assert_allclose(gray, expected, atol=1e-6)
    color = data.as_network_input(image, color_input=True)
    np.testing.assert_allclose(color, exact - 0.4488, atol=1e-6)


def test_network_input_is_the_gray_minus_its_mean(photos):
    image = data.load_image(photos / "coffee.jpg")
    expected = image.mean(-1, keepdims=True) / 255 - 0.4488
    inputs = data.network_input(photos / "coffee.jpg")
    np.testing.assert_allclose(inputs[0], expected, atol=1e-6)


@pytest.mark.parametrize("shape, size", [((6, 9), (4, 6)), ((50, 1), (200, 4))])
def test_network_input_is_scaled_to_the_shortest_side(shape, size, tmp_path):
    flat = np.full((*shape, 3), 51, np.uint8)
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(flat).numpy())
    inputs = data.network_input(tmp_path / "a.png", side=4)
    assert inputs.shape == (1, *size, 1)
    np.testing.assert_allclose(inputs, 0.2 - 0.4488, atol=1e-6)


@pytest.mark.parametrize(
    "length, count, expected",
    [(10, 2, [2, 7]), (3, 5, [0, 1, 2]), (40, 6, [3, 10, 16, 23, 30, 36])],
)
def test_evenly_spaced_is_even_and_without_repeats(length, count, expected):
    assert data.evenly_spaced(range(length), count) == expected
