"""Descriptions rebuild the network that they were read off."""

import json

import keras
import numpy as np
import pytest

from selfsup import heads, networks
from selfsup.networks import description, units

import contracts
import fakes

_FILTERS = {name: x.filters for name, x in networks.ARCHITECTURES.items()}

# What is not the default of the builder.
_VARIANTS = [
    ("vgg16", {}),
    ("vgg16", {"padding": "bias", "normalization": "none", "fov_blocks": 2}),
    ("vgg16", {"input_channels": 3, "fc6_padding": "valid", "dropout": 0.0}),
    ("vgg16", {"padding": "bias", "fc6_padding": "valid", "fov_blocks": 1}),
    ("alexnet", {"lrn": True, "normalization": "affine", "bn_momentum": 0.9}),
    ("alexnet", {"fc6_padding": "valid", "dropout": 0.25, "padding": "bias"}),
    ("alexnet", {"padding": "bias", "lrn": True, "input_channels": 3}),
    ("vgg16", {"rescaling": [255.0, [1.0, 2.0, 3.0]], "input_channels": 3}),
    ("resnet", {"padding": "bias", "normalization": "affine", "fov_blocks": 1}),
    ("resnet", {"rescaling": [1.0, 0.4488]}),
    ("resnet", {"pool1": "symmetric", "bn_momentum": 0.5, "input_channels": 3}),
]
_COMMON = {
    "input_channels": 1,
    "padding": "zeros",
    "normalization": "plain",
    "fov_blocks": 0,
    "bn_momentum": 0.999,
}
_OWN = {
    "alexnet": {"lrn": False, "fc6_padding": "same", "dropout": 0.5},
    "vgg16": {"fc6_padding": "same", "dropout": 0.5},
    "resnet": {"pool1": "caffe"},
}


@pytest.fixture(autouse=True)
def _small_resnet_is_known(small_resnet):
    pass


def _settings(model):
    """The config of every layer, but how kernels are initialized."""
    configs = [layer.get_config() for layer in model.layers]
    for config in configs:
        config.pop("kernel_initializer", None)
    return configs


@pytest.mark.parametrize("name, arguments", _VARIANTS)
def test_description_is_that_of_the_arguments_and_builds_the_same(name, arguments):
    model = fakes.network(name, **arguments)
    described = networks.describe(model)
    expected = {"network": name, "width": fakes.WIDTH, **_COMMON, **_OWN[name]}
    assert described == {**expected, **arguments}
    assert json.loads(json.dumps(described)) == described
    built = networks.build(described)
    assert _settings(built) == _settings(model)
    assert [w.shape for w in built.weights] == [w.shape for w in model.weights]
    assert built.name == model.name


@pytest.mark.parametrize("padding", ["zeros", "bias"])
def test_loaded_and_extended_models_are_described_like_their_backbone(padding):
    arguments = {"padding": padding, "lrn": True, "fov_blocks": 1, "dropout": 0.0}
    backbone = fakes.network("alexnet", **arguments)
    expected = networks.describe(backbone)
    taps = networks.taps(backbone)
    extended = (
        heads.colorizer(backbone, taps, bins=4, hidden=3, dropout=0.75),
        heads.segmenter(backbone, taps[-1:], classes=2, hidden=3),
    )
    for model in extended:
        assert networks.describe(model) == expected
        assert networks.describe(contracts.save_and_load(model)) == expected
    assert networks.describe(heads.dense(extended[0])) == expected


def test_foreign_models_are_refused():
    inputs = keras.Input((None, None, 1))
    other = keras.Model(inputs, keras.layers.ReLU()(inputs), name="other")
    with pytest.raises(ValueError, match="Received: model='other' with 2 layers"):
        networks.describe(other)


@pytest.mark.parametrize("network", [None, "vgg19"])
def test_unknown_network_is_named(network):
    with pytest.raises(ValueError, match=f"vgg16.*Received: network={network!r}"):
        networks.build({"network": network, "width": 0.1})


def test_arguments_of_another_network_are_refused():
    with pytest.raises(TypeError, match="lrn"):
        networks.build({"network": "vgg16", "lrn": True})


# Width.


_ROUND = [0.01, 0.05, 0.1, 0.25, 0.3, 0.5, 0.77, 1.0, 1.5, 2.0, 1 / 64, 1 / 8, 1 / 3]


def _channels(name, width):
    unit = units.Units(width)
    filters = {**_FILTERS[name], "conv8_1": 1024}
    return filters, {k: unit.channels(count) for k, count in filters.items()}


@pytest.mark.parametrize("name", list(_FILTERS))
@pytest.mark.parametrize("width", _ROUND)
def test_round_widths_are_found_themselves(name, width):
    assert description.find_width(*_channels(name, width)) == width


@pytest.mark.parametrize("name", list(_FILTERS))
def test_found_width_gives_every_layer_its_channels(name):
    rng = np.random.default_rng(0)
    # Small ones, where several layers have the least number of channels; 3/64,
    # where 64 filters are rounded to even; any; and the largest.
    widths = [1e-6, 2e-4, 1e-3, 3 / 64, 5 / 64, 3 / 4096, 16.0, *rng.uniform(0, 2, 30)]
    for width in widths:
        filters, channels = _channels(name, width)
        found = description.find_width(filters, channels)
        unit = units.Units(found)
        assert {k: unit.channels(n) for k, n in filters.items()} == channels


def test_channels_of_no_width_are_refused():
    with pytest.raises(ValueError, match="Received: fc6: 32, fc7: 64"):
        description.find_width({"fc6": 4096, "fc7": 4096}, {"fc6": 32, "fc7": 64})
    with pytest.raises(ValueError, match="Received: fc6: 33"):
        description.find_width({"fc6": 4096}, {"fc6": 33})
