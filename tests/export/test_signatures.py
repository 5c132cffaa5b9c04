"""The functions that a server calls."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, heads, networks
from selfsup.export import ExportConfig, ExportedModel, serving_heads, signatures

import fakes
import image_files


@pytest.fixture(scope="module")
def exported():
    backbone = fakes.network("alexnet", input_channels=3, padding="bias")
    return ExportedModel("backbone", fakes.randomize(backbone, bias=0.1), 20)


@pytest.fixture(scope="module")
def head(exported):
    return serving_heads.build(exported, ExportConfig())


@pytest.fixture(scope="module")
def serve(head):
    return signatures.serving_default(head, 10_000)


def test_images_of_a_batch_have_any_sizes(head, serve, photos):
    images = [
        image_files.photograph(photos / "coffee.jpg", size)
        for size in ((51, 40), (30, 60), (12, 12))
    ]
    encoded = [image_files.encoded(image, "PNG") for image in images]
    found = serve(np.array(encoded, object))["features"]
    for image, values in zip(images, found, strict=True):
        expected = head.predict(np.asarray(image) / np.float32(255))
        expected = head.encode(expected)["features"]
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_no_images_give_no_answers(serve):
    assert serve(np.array([], object))["features"].shape[0] == 0


def test_pixels_give_the_maps(head):
    serve = signatures.pixels(head, 10_000)
    batch = 0.45 + fakes.image(2, 33, 27, 3)
    found = serve(tf.constant(batch))["features"]
    for image, values in zip(batch, found, strict=True):
        expected = head.predict(image)["features"]
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_features_are_named_activations_at_the_images_scale(exported):
    serve = signatures.features(exported, ("relu1", "pool2"), 10_000)
    batch = np.clip(fakes.image(2, 53, 47, 3), -0.4488, 0.5512)
    found = serve(tf.constant(batch + np.float32(0.4488)))
    expected = fakes.maps(exported.model, ["relu1", "pool2"])(batch)
    assert sorted(found) == ["pool2", "relu1"]
    for name, values in zip(("relu1", "pool2"), expected, strict=True):
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5)


def test_gray_networks_get_the_mean():
    exported = ExportedModel("backbone", fakes.network("alexnet"))
    serve = signatures.features(exported, ("relu1",), 10_000)
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 20, 3), np.uint8)
    expected = fakes.maps(exported.model, ["relu1"])(data.as_network_input(image))
    found = serve(tf.constant(image / np.float32(255)))
    np.testing.assert_allclose(found["relu1"], expected, rtol=1e-4, atol=1e-5)


def test_the_deepest_taps_are_the_default(exported):
    serve = signatures.features(exported, (), 10_000)
    found = serve(tf.zeros([1, 40, 40, 3]))
    assert set(found) == {tap.layer for tap in networks.taps(exported.model)[-3:]}


def test_unknown_layers_are_named(exported):
    with pytest.raises(ValueError, match="of.*relu1.*Received: relu9, bias1"):
        # The bias layer yields a border too.
        signatures.features(exported, ("relu9", "relu1", "bias1"), 10)


@pytest.mark.parametrize("name", ["pixels", "features"])
def test_large_images_are_refused(exported, head, name):
    if name == "pixels":
        serve = signatures.pixels(head, 400)
    else:
        serve = signatures.features(exported, ("relu1",), 400)
    serve(tf.zeros([1, 20, 20, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="over 400 pixels"):
        serve(tf.zeros([1, 20, 21, 3]))


def test_the_batch_of_features_is_limited_as_a_whole(exported):
    serve = signatures.features(exported, ("relu1",), 800)
    serve(tf.zeros([2, 20, 20, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="over 800 pixels"):
        serve(tf.zeros([3, 20, 20, 3]))


@pytest.mark.parametrize("name", ["pixels", "features"])
def test_no_images_and_no_numbers_are_refused(exported, head, name):
    if name == "pixels":
        serve = signatures.pixels(head, 900)
    else:
        serve = signatures.features(exported, ("relu1",), 900)
    with pytest.raises(tf.errors.InvalidArgumentError, match="are no images"):
        serve(tf.zeros([0, 20, 20, 3]))
    for value in (np.nan, np.inf):
        batch = np.zeros([1, 20, 20, 3], np.float32)
        batch[0, 3, 4, 1] = value
        with pytest.raises(tf.errors.InvalidArgumentError, match="not finite"):
            serve(batch)
    for value in (2.0, 255.0, -0.5):
        batch[0, 3, 4, 1] = value
        with pytest.raises(tf.errors.InvalidArgumentError, match="beyond .0, 1"):
            serve(batch)
    # Scaling a picture sharpens it a little beyond white.
    (beyond,) = serve(np.full([1, 20, 20, 3], 1.05, np.float32)).values()
    (white,) = serve(np.ones([1, 20, 20, 3], np.float32)).values()
    np.testing.assert_array_equal(beyond, white)


def test_long_images_are_refused(head, photos):
    serve = signatures.serving_default(head, 10_000, max_side=40)
    encoded = [
        image_files.encoded(image_files.photograph(photos / "coffee.jpg", size), "PNG")
        for size in ((40, 30), (41, 30))
    ]
    serve(np.array(encoded[:1], object))
    with pytest.raises(tf.errors.InvalidArgumentError, match="side of over 40 pixels"):
        serve(np.array(encoded, object))


def test_a_head_on_some_taps_has_those_as_default():
    backbone = fakes.network("vgg16")
    taps = networks.taps(backbone)[:-2]
    model = heads.segmenter(backbone, taps, classes=3, hidden=4)
    exported = ExportedModel("segmenter", model, classes=("a", "b", "c"))
    serve = signatures.features(exported, (), 10_000)
    assert set(serve(tf.zeros([1, 40, 40, 3]))) == {tap.layer for tap in taps[-3:]}
