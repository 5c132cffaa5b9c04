"""The table of networks against the models that its builders make."""

import keras
import pytest

from selfsup import networks

import contracts
import fakes

# Read-only; building the ResNets takes seconds.
_MODELS = {}


def _model(name):
    if name not in _MODELS:
        # All filters are multiples of 32, so at 1/16 nothing is rounded.
        _MODELS[name] = fakes.network(name, width=1 / 16)
    return _MODELS[name]


@pytest.mark.parametrize("name", networks.ARCHITECTURES)
def test_record_is_that_of_the_built_network(name):
    network, model = networks.ARCHITECTURES[name], _model(name)
    assert network.name == model.name == name
    assert networks.recognize(model) == name and networks.is_network(model)
    found = {layer.name: layer for layer in model.layers}
    filters = {n: 16 * x.filters for n, x in found.items() if hasattr(x, "filters")}
    assert network.filters == filters
    for convolution in filters:
        normalization, bias, _ = network.names_after(convolution)
        assert isinstance(found[normalization], keras.layers.BatchNormalization)
        assert hasattr(found[bias], "shift")
    assert network.residual == any(
        isinstance(layer, keras.layers.Add) for layer in found.values()
    )
    size = network.min_size
    assert model.compute_output_shape((1, size, size, 1))[1:3] == (1, 1)


@pytest.mark.parametrize("name", networks.ARCHITECTURES)
def test_taps_are_ordered_maps_of_the_model(name):
    model = _model(name)
    taps = networks.taps(model)
    first = "gray" if name in ("alexnet", "vgg16") else "conv1_relu"
    assert taps[0].layer == first
    for tap in taps:
        assert tap.channels == model.get_layer(tap.layer).output.shape[-1]
    strides = [tap.stride for tap in taps]
    assert strides == sorted(strides)


def test_taps_of_a_loaded_and_renamed_model_are_the_same():
    model = fakes.network("vgg16", padding="bias", fov_blocks=1)
    loaded = contracts.save_and_load(model)
    loaded.name = "mine"
    assert networks.taps(loaded) == networks.taps(model)
    assert networks.taps(model)[-1].layer == "relu8_1"


def test_a_new_record_makes_a_network_known(small_resnet):
    model = fakes.network(small_resnet, padding="bias", fov_blocks=2)
    loaded = contracts.save_and_load(model)
    assert networks.recognize(loaded) == "resnet"
    assert [tap.layer for tap in networks.taps(loaded)] == [
        *fakes.RESNET.taps,
        "relu8_1",
        "relu9_1",
    ]


def test_foreign_models_are_refused():
    inputs = keras.Input((None, None, 1))
    other = keras.Model(inputs, keras.layers.ReLU()(inputs), name="other")
    assert not networks.is_network(other)
    with pytest.raises(ValueError, match="vgg16.* Received: model='other' with 2"):
        networks.taps(other)
