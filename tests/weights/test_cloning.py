"""Clones: equal, independent, and with the changes that are given."""

import keras
import numpy as np
import pytest

from selfsup import heads, networks
from selfsup.weights import assignment, cloning

import contracts
import fakes


def _config(model):
    return [layer.get_config() for layer in model.layers]


@pytest.mark.parametrize("name", ["alexnet", "resnet"])
def test_clone_is_equal_and_has_weights_of_its_own(name):
    model = fakes.network(
        name, padding="bias", bn_momentum=0.9, kernel_initializer="he_normal"
    )
    fakes.randomize(model)
    model.get_layer("conv1").trainable = False
    copied = cloning.clone(model)
    assert _config(copied) == _config(model)
    assert copied.name == model.name
    assert not copied.get_layer("conv1").trainable
    assert networks.grids(copied) == networks.grids(model)
    image = fakes.image(2, 40, 47, 1)
    expected = model(image).numpy()
    np.testing.assert_array_equal(copied(image), expected)
    np.testing.assert_array_equal(contracts.save_and_load(copied)(image), expected)
    fakes.randomize(copied, seed=1)
    np.testing.assert_array_equal(model(image), expected)
    assert np.abs(copied(image) - expected).max() > 1e-3


def test_clone_of_a_model_with_a_head_has_its_inputs_and_outputs():
    backbone = fakes.network("vgg16", padding="bias")
    model = heads.colorizer(backbone, networks.taps(backbone), bins=3, hidden=5)
    fakes.randomize(model)
    copied = cloning.clone(model)
    points = np.float32([[[3, 4], [0, 19], [11, 11]]])
    inputs = {"gray": fakes.image(1, 20, 20, 1), "points": points}
    contracts.assert_close(copied(inputs), model(inputs), rtol=0, atol=0)
    assert copied(inputs).keys() == {"hue", "chroma"}


def test_clone_of_a_compiled_model_is_not_compiled():
    model = fakes.network("vgg16")
    model.compile("adam", "mse")
    assert not cloning.clone(model).compiled
    assert model.compiled


def test_clone_keeps_the_precision():
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = fakes.network("vgg16")
    finally:
        keras.config.set_dtype_policy(policy)
    assert cloning.clone(model)(fakes.image(1, 8, 8, 1)).dtype == "bfloat16"


def test_settings_and_left_out_layers():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(4, name="one")(inputs)
    x = keras.layers.LayerNormalization(name="norm")(x)
    model = keras.Model(inputs, keras.layers.ReLU(name="relu")(x))
    values = {k: v for k, v in assignment.arrays(model).items() if "one" in k}
    copied = cloning.clone(
        model, values, settings={"relu": {"max_value": 0.5}}, skipped={"norm"}
    )
    assert [x.name for x in copied.layers][1:] == ["one", "relu"]
    x = fakes.image(3, 4)
    expected = np.clip(x @ values["one/kernel"] + values["one/bias"], 0, 0.5)
    np.testing.assert_allclose(copied(x), expected, rtol=1e-6)
    assert model.get_layer("relu").max_value is None


def test_values_must_be_those_of_the_copy():
    model = fakes.network("vgg16")
    with pytest.raises(ValueError, match="missing: conv1_1/kernel"):
        cloning.clone(model, {})
