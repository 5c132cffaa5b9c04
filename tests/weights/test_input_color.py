"""Gray networks on RGB images, RGB networks on gray ones."""

import keras
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import assignment

import contracts
import fakes

_MEAN = np.float32(0.4488)
_NETWORKS = [
    ("vgg16", {"padding": "bias", "fov_blocks": 1}),
    ("alexnet", {"lrn": True, "normalization": "none", "dropout": 0.25}),
    ("resnet50", {"padding": "bias", "pool1": "symmetric"}),
]


def _rgb(*shape):
    return np.random.default_rng(2).uniform(0, 1, (*shape, 3)).astype("float32")


@pytest.mark.parametrize("name, options", _NETWORKS)
def test_rgb_network_sees_the_mean(name, options):
    gray = fakes.randomize(fakes.network(name, **options), bias=0.3)
    before = assignment.arrays(gray)
    rgb = weights.gray_to_rgb(gray)
    assert networks.describe(rgb) == {**networks.describe(gray), "input_channels": 3}
    assert [x.name for x in rgb.layers] == ["rgb", *(x.name for x in gray.layers[1:])]
    image = _rgb(2, 37, 45)
    expected = gray(image.mean(axis=-1, keepdims=True) - _MEAN).numpy()
    np.testing.assert_allclose(
        rgb(image - _MEAN), expected, rtol=0, atol=1e-4 * np.abs(expected).max()
    )
    fakes.randomize(rgb, seed=5)
    contracts.assert_close(assignment.arrays(gray), before, rtol=0, atol=0)


# ResNet-50 is in the test of imported weights.
@pytest.mark.parametrize("name, options", _NETWORKS[:2])
def test_gray_network_sees_three_equal_channels(name, options):
    rgb = fakes.randomize(fakes.network(name, input_channels=3, **options), bias=0.3)
    before = assignment.arrays(rgb)
    gray = weights.rgb_to_gray(rgb)
    assert networks.describe(gray) == {**networks.describe(rgb), "input_channels": 1}
    image = fakes.image(2, 37, 45, 1)
    expected = rgb(np.repeat(image, 3, axis=-1)).numpy()
    np.testing.assert_allclose(
        gray(image), expected, rtol=0, atol=1e-4 * np.abs(expected).max()
    )
    contracts.assert_close(assignment.arrays(rgb), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    "name, normalization",
    [("vgg16", "none"), ("vgg16", "affine"), ("resnet50", "affine")],
)
def test_gray_network_keeps_the_convention_of_imported_weights(name, normalization):
    rescaling = [[255.0, 200.0, 295.0], [-9.0, -2.0, 8.0]]
    rgb = fakes.network(
        name, input_channels=3, normalization=normalization, rescaling=rescaling
    )
    fakes.randomize(rgb, bias=0.3)
    gray = weights.rgb_to_gray(rgb)
    assert networks.describe(gray)["rescaling"] == [250.0, -1.0]
    image = fakes.image(2, 37, 45, 1)
    layer = "relu1_1" if name == "vgg16" else "conv1_relu"
    expected, actual = (
        keras.Model(model.input, model.get_layer(layer).output)(x).numpy()
        for model, x in ((rgb, np.repeat(image, 3, axis=-1)), (gray, image))
    )
    # Padding differs: the outermost values see it.
    expected, actual = expected[:, 2:-2, 2:-2], actual[:, 2:-2, 2:-2]
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max()
    )
    assert np.abs(actual).max() > 0


def test_rgb_network_keeps_the_convention_of_a_gray_one():
    gray = fakes.randomize(fakes.network("vgg16", rescaling=[1.0, 0.4488]), bias=0.3)
    image = _rgb(2, 37, 45)
    expected = gray(image.mean(axis=-1, keepdims=True) - _MEAN).numpy()
    np.testing.assert_allclose(
        weights.gray_to_rgb(gray)(image - _MEAN),
        expected,
        rtol=0,
        atol=1e-4 * np.abs(expected).max(),
    )


def test_there_and_back_is_the_same_network_and_can_be_saved():
    gray = fakes.randomize(fakes.network("alexnet", lrn=True))
    gray.get_layer("norm1").alpha = 0.5
    rgb = contracts.save_and_load(weights.gray_to_rgb(gray))
    kernel = gray.get_layer("conv1").kernel.numpy()
    for channel in range(3):
        np.testing.assert_allclose(
            rgb.get_layer("conv1").kernel[:, :, channel], kernel[:, :, 0] / 3, rtol=1e-6
        )
    back = weights.rgb_to_gray(rgb)
    contracts.assert_close(assignment.arrays(back), assignment.arrays(gray))
    assert back.get_layer("norm1").alpha == 0.5


@pytest.mark.parametrize(
    "channels, convert", [(1, weights.rgb_to_gray), (3, weights.gray_to_rgb)]
)
def test_a_network_of_that_kind_already_is_copied(channels, convert):
    model = fakes.randomize(fakes.network("vgg16", input_channels=channels))
    copied = convert(model)
    contracts.assert_close(
        assignment.arrays(copied), assignment.arrays(model), rtol=0, atol=0
    )
    assert networks.describe(copied) == networks.describe(model)
    assert not {id(v) for v in copied.weights} & {id(v) for v in model.weights}


@pytest.mark.parametrize("convert", [weights.rgb_to_gray, weights.gray_to_rgb])
def test_heads_and_foreign_models_are_refused(convert):
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), bins=3, hidden=5)
    with pytest.raises(ValueError, match="head afterwards. Received: model='coloriz"):
        convert(model)
    inputs = keras.Input((None, None, 1))
    with pytest.raises(ValueError, match="none of the networks"):
        convert(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)))
