"""Features of images are the activations of Keras' own layers on the same input."""

import keras
import numpy as np
import PIL.Image
import pytest

from selfsup import data, heads, inference, networks
from selfsup.inference import image_features

import fakes

RNG = np.random.default_rng(0)
LAYER = "relu2"


@pytest.fixture(scope="module")
def backbone():
    return fakes.randomize(fakes.network("alexnet"), bias=0.1)


def _activations(model, layer, path, side):
    """Whole maps, by the README's way of reading an image and a model of Keras."""
    cut = keras.Model(model.input, model.get_layer(layer).output)
    return np.asarray(cut(data.network_input(path, side), training=False))[0]


@pytest.mark.parametrize("pool", ["mean", "max", "none"])
def test_features_are_the_activations_pooled_by_numpy(backbone, photos, tmp_path, pool):
    paths = [photos / "coffee.jpg", tmp_path / "upright.png", photos / "rocket.jpg"]
    PIL.Image.open(paths[0]).rotate(90, expand=True).save(paths[1])
    maps = [_activations(backbone, LAYER, path, 48) for path in paths]
    assert len({x.shape for x in maps}) > 1
    found = inference.features(backbone, paths, LAYER, pool, 48)
    for one, whole in zip(found, maps, strict=True):
        expected = whole if pool == "none" else getattr(whole, pool)((0, 1))
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)
    assert isinstance(found, list if pool == "none" else np.ndarray)
    (alone,) = inference.features(backbone, paths[:1], LAYER, pool, 48)
    np.testing.assert_allclose(alone, found[0], rtol=1e-4, atol=1e-6)


def test_the_last_layer_is_the_default_and_a_head_changes_nothing(backbone, photos):
    path = photos / "coffee.jpg"
    expected = np.asarray(backbone(data.network_input(path, 64))).mean((0, 1, 2))
    colorizer = heads.colorizer(backbone, networks.taps(backbone), 8, hidden=8)
    for model in (backbone, colorizer):
        found = inference.features(model, path, short_side=64)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_all_kinds_of_arrays_give_the_same_features(channels):
    model = fakes.randomize(fakes.network("alexnet", input_channels=channels))
    gray = RNG.integers(0, 256, (40, 50, 1), np.uint8)
    rgb = np.repeat(gray, 3, axis=-1)
    kinds = [gray, gray[..., 0], rgb, gray / 255, gray[..., 0] / 255, rgb / 255]
    found = inference.features(model, kinds, LAYER, short_side=32)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, found[:1].repeat(6, 0), rtol=1e-4, atol=1e-5)
    colored = rgb // [1, 2, 4]
    other = inference.features(model, colored.astype(np.uint8), LAYER, short_side=32)
    assert np.abs(other - found[0]).max() > 1e-2


def test_images_keep_their_order_through_batches_of_one_size(backbone):
    images = [RNG.random((12 + n % 3, 14)) for n in range(9)]
    found = inference.features(backbone, images, LAYER, "max", None, batch_size=2)
    for image, features in zip(images, found, strict=True):
        alone = inference.features(backbone, image, LAYER, "max", None)
        np.testing.assert_allclose(features, alone, rtol=1e-4, atol=1e-6)


def test_batches_hold_images_of_one_size():
    inputs = [np.zeros([side, 2, 1]) for side in (3, 4, 3, 3, 4, 5)]
    assert list(inference.same_size(inputs, 2)) == [[0, 2], [3], [1, 4], [5]]


def test_images_too_small_for_the_network_are_refused(backbone):
    smallest = fakes.SMALLEST["alexnet"]
    inference.features(backbone, RNG.random((smallest, 20)), LAYER, short_side=None)
    with pytest.raises(ValueError, match=r"too small.* 11 pixels.*Received: 10 x 20"):
        image = RNG.random((smallest - 1, 20))
        inference.features(backbone, image, LAYER, short_side=None)


def test_no_images_give_no_features(backbone):
    assert inference.features(backbone, [], LAYER).shape == (0, 4)
    assert inference.features(backbone, [], LAYER, "none") == []


def test_the_model_is_compiled_once(backbone, monkeypatch):
    image = RNG.random((20, 20))
    first = inference.features(backbone, image, LAYER)
    monkeypatch.setattr(
        image_features.frozen_features, "pooled_feature_predictor", None
    )
    np.testing.assert_array_equal(inference.features(backbone, image, LAYER), first)


@pytest.mark.parametrize("name", ["short_side", "batch_size"])
def test_numbers_below_one_are_refused(backbone, name):
    with pytest.raises(ValueError, match=f"Expected `{name}` of at least 1. Rec.*: 0"):
        inference.features(backbone, [], **{name: 0})


def test_unknown_layers_and_pools_are_refused(backbone):
    with pytest.raises(ValueError, match="relu1, .*relu7.* Received: 'relu99'"):
        inference.features(backbone, [], "relu99")
    with pytest.raises(ValueError, match="mean, max, none. Received: pool='median'"):
        inference.features(backbone, [], LAYER, "median")
    jigsaw = heads.jigsaw(backbone, 4)
    with pytest.raises(ValueError, match=r"takes no image.* patches \[None, 9"):
        inference.image_features.frozen_features.image_input(jigsaw)
