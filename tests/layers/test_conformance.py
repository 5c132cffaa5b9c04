"""Every layer keeps the contract."""

import inspect

import keras
import pytest

from selfsup import layers

import contracts
import neutral


@pytest.mark.parametrize("name", neutral.LAYERS)
def test_layer_keeps_the_contract(name):
    make, inputs = neutral.LAYERS[name]
    contracts.check_layer(make(), inputs)


def test_every_layer_has_a_case():
    public = {x for x in vars(layers).values() if inspect.isclass(x)}
    assert {type(make()) for make, _ in neutral.LAYERS.values()} == public
    assert {x.__name__ for x in public} == set(layers.__all__)


def test_layers_are_registered_under_the_package():
    for name in layers.__all__:
        registered = keras.saving.get_registered_name(getattr(layers, name))
        assert registered == f"selfsup>{name}"
