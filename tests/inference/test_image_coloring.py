"""Images of every form are colored, one for one."""

import keras
import numpy as np
import pytest

from selfsup import data, heads, inference, networks
from selfsup.inference import image_coloring

import fakes

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    gray = keras.Input((None, None, 1), name="gray")
    maps = keras.layers.Conv2D(4, 3, padding="same", name="conv")(gray)
    taps = [networks.Tap("conv", 1, 0, 4)]
    return fakes.randomize(
        heads.colorizer(keras.Model(gray, maps), taps, 8, hidden=8), bias=0.3
    )


def test_a_path_gives_what_the_tool_writes(model, photos):
    path = photos / "coffee.jpg"
    expected = inference.color_photograph(
        inference.dense_predictor(model), data.load_image(path), 24, saturation=2.0
    )
    for given in (path, str(path), bytes(path)):
        colored = inference.colorize(model, given, 24, saturation=2.0)
        np.testing.assert_array_equal(colored, expected)
    assert colored.dtype == np.uint8


@pytest.mark.parametrize("shape", [(20, 30, 3), (20, 30, 1), (20, 30)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "float16"])
def test_arrays_give_their_kind_and_keep_their_gray(shape, dtype):
    image = RNG.integers(0, 256, shape, dtype=np.uint8)
    if dtype != "uint8":
        image = (image / 255).astype(dtype)
    colored = inference.colorize(fakes.always(3, 20), image)
    assert colored.shape == (20, 30, 3)
    assert colored.dtype == ("uint8" if dtype == "uint8" else "float32")
    gray = image.reshape(20, 30, -1).astype(float).mean(-1)
    level = 0.51 if dtype == "uint8" else 1e-3
    assert np.abs(colored.astype(float).mean(-1) - gray).max() < level
    assert np.ptp(colored.astype(float), axis=-1).mean() > 0.1 * gray.max()


def test_bytes_and_floats_are_colored_alike(model):
    image = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    one, other = inference.colorize(model, [image, image / 255], 16, saturation=3.0)
    assert np.abs(one - 255 * other).max() < 0.51


def test_a_list_gives_a_list(model, photos):
    images = [RNG.random((9, 8)), photos / "coffee.jpg"]
    colored = inference.colorize(model, images, 16)
    assert [type(x) for x in (colored, *colored)] == [list, np.ndarray, np.ndarray]
    assert [x.dtype.name for x in colored] == ["float32", "uint8"]
    assert inference.colorize(model, []) == []


def test_the_model_is_compiled_once(model, monkeypatch):
    image = RNG.random((9, 8))
    first = inference.colorize(model, image)
    monkeypatch.setattr(image_coloring.colorization, "dense_predictor", None)
    np.testing.assert_array_equal(inference.colorize(model, image), first)


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=r"Received: \[1, 3, 3, 3\]"):
        inference.colorize(fakes.always(3, 20), np.zeros((1, 3, 3, 3), np.uint8))


def test_other_models_are_refused():
    with pytest.raises(ValueError, match="Expected a colorizer. Received: vgg16"):
        inference.colorize(fakes.network("vgg16"), np.zeros((8, 8)))
