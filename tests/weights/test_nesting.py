"""Models within models."""

import keras

from selfsup.weights.nesting import all_layers


def test_layers_of_models_inside_are_listed_once():
    inputs = keras.Input((2,), name="inputs")
    dense = keras.layers.Dense(2, name="dense")
    inner = keras.Model(inputs, dense(inputs), name="inner")
    outer = keras.Input((2,), name="outer")
    model = keras.Model(
        outer, keras.layers.Add(name="sum")([inner(outer), dense(outer)])
    )
    names = [layer.name for layer in all_layers(model)]
    assert sorted(names) == ["dense", "inner", "inputs", "outer", "sum"]
