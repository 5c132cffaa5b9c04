"""What holds for all networks: bias padding, sizes, saving, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers

import contracts
import fakes

_SMALL = ["alexnet", "vgg16", "resnet"]
_NORMALIZATIONS = ["plain", "affine", "none"]


def _size(name):
    """A size at which each network has at least 2x2 pixels in the last map."""
    return {"alexnet": 107, "vgg16": 40, "resnet": 45}[name]


def _options(name):
    # With local response normalization the border has one more thing to follow.
    return {"lrn": True} if name == "alexnet" else {}


def _last(model):
    """Names of the layers between which padding is at work: all ReLUs."""
    return [x.name for x in model.layers if isinstance(x, keras.layers.ReLU)]


@pytest.mark.parametrize("name", _SMALL)
def test_builders_refuse_bad_arguments(name):
    for arguments, received in (
        ({"input_channels": 2}, "input_channels=2"),
        ({"width": -1}, "width=-1"),
        ({"padding": "valid"}, "padding='valid'"),
        ({"normalization": "batch"}, "normalization='batch'"),
        ({"fov_blocks": 3}, "fov_blocks=3"),
    ):
        with pytest.raises(ValueError, match=f"Received: {received}"):
            fakes.network(name, **arguments)


# Bias padding.


@pytest.mark.parametrize("name", _SMALL)
def test_bias_padding_with_zero_biases_is_zero_padding(name):
    zeros, bias = (
        fakes.network(name, padding=padding, **_options(name))
        for padding in ("zeros", "bias")
    )
    fakes.randomize(zeros, bias=0)
    # Not zero: the border follows the bias alone.
    for variable in zeros.weights:
        if variable.name in ("shift", "moving_mean"):
            values = np.random.default_rng(1).normal(size=variable.shape)
            variable.assign(values.astype("float32"))
    bias.set_weights(zeros.get_weights())
    image = fakes.image(2, _size(name), _size(name) + 7, 1)
    np.testing.assert_allclose(bias(image), zeros(image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["zeros", "bias"])
@pytest.mark.parametrize("name", _SMALL)
def test_a_gray_image_has_no_border_with_bias_padding(name, padding):
    # An image that is 0 everywhere stays so in conv1, whose pad is zero too.
    # Batch statistics take away whatever a convolution makes of a constant map,
    # and what remains is the bias: just what the next convolution pads with. So
    # by induction every map is constant and equal to its border.
    model = fakes.network(name, padding=padding, fov_blocks=2, **_options(name))
    fakes.randomize(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
        if isinstance(layer, keras.layers.BatchNormalization):
            # The true one makes rounding errors 316 times larger, layer by layer.
            layer.epsilon = 1.0
        if hasattr(layer, "shift"):
            layer.shift.assign(np.zeros(layer.shift.shape, "float32"))
    names = _last(model)
    size = _size(name)
    outputs = fakes.maps(model, names)(np.zeros((2, size, size, 1)), training=True)
    spread = {
        n: float(np.ptp(y.numpy(), axis=(0, 1, 2)).max())
        for n, y in zip(names, outputs, strict=True)
    }
    if padding == "zeros":
        # All but the layers before the second padded convolution.
        assert max(spread.values()) > 0.1
        return
    assert max(spread.values()) < 1e-4, spread  # Rounding errors.
    expected = _expected_borders(model, names)
    for n, y in zip(names, outputs, strict=True):
        np.testing.assert_allclose(y[0, 0, 0], expected[n], atol=1e-4, err_msg=n)


def _expected_borders(model, names):
    """ReLU of the bias; of the summed biases and the shortcut in a residual."""
    biases = {
        x.name.removeprefix("bias"): x.bias.numpy()
        for x in model.layers
        if hasattr(x, "shift")
    }
    borders = {}
    for name in names:
        block = name.removeprefix("res").removesuffix("_relu")
        if name == "conv1_relu":
            value = biases["_conv1"]
        elif f"{block}_branch2c" in biases:
            shortcut = biases.get(f"{block}_branch1")
            if shortcut is None:
                shortcut = borders[f"res{block[0]}a_relu"]  # The block before.
            value = shortcut + biases[f"{block}_branch2c"]
        else:
            value = biases[block.removeprefix("relu")]
        borders[name] = np.maximum(value, 0)
    return borders


@pytest.mark.parametrize("name", ["vgg16", "resnet"])
def test_two_convolutions_see_no_border_without_normalization(name):
    # Only there is the first map, ReLU of the bias, surely equal to its border;
    # the second is what the convolution makes of it, which no bias knows.
    model = fakes.network(name, padding="bias", normalization="none")
    fakes.randomize(model)
    first, second = {
        "vgg16": ("bias1_1", "relu1_2"),
        "resnet": ("bias_conv1", "res2a_branch2a_relu"),
    }[name]
    shift = model.get_layer(first).shift
    shift.assign(np.zeros(shift.shape, "float32"))
    outputs = fakes.maps(model, [second])(np.zeros((1, 33, 34, 1), "float32"))
    assert np.ptp(outputs.numpy(), axis=(0, 1, 2)).max() < 1e-5


@pytest.mark.parametrize(
    "name, expected",
    [
        ("alexnet", {"1", "2", "3", "4", "5", "7"}),
        (
            "vgg16",
            {"1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3"}
            | {"4_1", "4_2", "4_3", "5_1", "5_2", "5_3", "7"},
        ),
        # Only the middle convolution of a block is padded; the field-of-view
        # block after the last pads with a sum.
        (
            "resnet",
            {f"{block}_branch2a" for block in ("2a", "2b", "3a", "3b1", "4a", "5a")}
            | {"5a_branch1", "5a_branch2c"},
        ),
    ],
)
def test_gradient_reaches_the_biases_through_the_borders(monkeypatch, name, expected):
    options = {"padding": "bias", "fov_blocks": 1, **_options(name)}
    model = fakes.randomize(fakes.network(name, **options))
    image = fakes.image(1, _size(name), _size(name), 1)
    biases = {
        x.name.removeprefix("bias"): x.bias.value
        for x in model.layers
        if hasattr(x, "shift")
    }

    for bias in biases.values():
        bias.assign(abs(bias))  # Or nothing comes back through the border's ReLU.

    def gradients():
        with tf.GradientTape() as tape:
            output = tf.reduce_mean(model(image) ** 2)
        return tape.gradient(output, biases)

    whole = gradients()
    call = layers.BiasPaddedConv2D.call

    def call_with_constant_border(self, inputs, border=None):
        return call(self, inputs, keras.ops.stop_gradient(border))

    monkeypatch.setattr(layers.BiasPaddedConv2D, "call", call_with_constant_border)
    without_borders = gradients()
    through_borders = {
        name: np.abs(gradient - without_borders[name]).max()
        for name, gradient in whole.items()
    }
    assert {n for n, x in through_borders.items() if x > 1e-4} == expected


# Sizes.


@pytest.mark.parametrize("name", _SMALL)
def test_one_graph_takes_every_size(name):
    model = fakes.randomize(fakes.network(name, padding="bias", **_options(name)))
    graph = tf.function(
        model, input_signature=[tf.TensorSpec([None, None, None, 1], tf.float32)]
    )
    least = fakes.SMALLEST[name]
    for height, width in ((1, 2), (2, 7), (31, 33), (64, 96)):
        image = fakes.image(1, max(height, least), max(width, least), 1)
        output = graph(image)
        assert np.isfinite(output).all()
        np.testing.assert_allclose(output, model(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", _SMALL)
def test_images_of_a_batch_do_not_see_each_other(name):
    model = fakes.randomize(fakes.network(name, padding="bias"))
    image = fakes.image(3, 33, 40, 1)
    alone = np.concatenate([model(image[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(model(image), alone, rtol=1e-4, atol=1e-5)


# Saving and precision.


# Each padding with each normalization once, and each network with both paddings.
@pytest.mark.parametrize(
    "name, padding, normalization",
    [
        ("alexnet", "zeros", "plain"),
        ("alexnet", "bias", "none"),
        ("vgg16", "zeros", "affine"),
        ("vgg16", "bias", "plain"),
        ("resnet", "zeros", "none"),
        ("resnet", "bias", "affine"),
    ],
)
def test_saved_network_answers_alike_and_its_border_follows_the_bias(
    name, padding, normalization
):
    model = fakes.network(
        name, padding=padding, normalization=normalization, **_options(name)
    )
    fakes.randomize(model)
    loaded = contracts.save_and_load(model)
    image = fakes.image(1, _size(name), _size(name), 1)
    before = model(image).numpy()
    np.testing.assert_array_equal(loaded(image), before)
    assert [x.name for x in loaded.layers] == [x.name for x in model.layers]
    # All biases move; the images are alike only if the borders move along.
    for one in (model, loaded):
        for variable in one.trainable_weights:
            if variable.name == "bias":
                variable.assign(variable + 0.5)
    after = model(image).numpy()
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(loaded(image), after)


@pytest.mark.parametrize("padding", ["zeros", "bias"])
@pytest.mark.parametrize("name", _SMALL)
def test_mixed_precision_gives_about_the_same_map(name, padding):
    model = fakes.randomize(
        fakes.network(name, padding=padding, **_options(name)), bias=0.1
    )
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        half = fakes.network(name, padding=padding, **_options(name))
    finally:
        keras.config.set_dtype_policy(policy)
    half.set_weights(model.get_weights())
    image = fakes.image(1, _size(name), _size(name), 1)
    expected, output = model(image).numpy(), half(image)
    assert output.dtype == "bfloat16"
    assert all(v.dtype == "float32" for v in half.weights)
    # 8 bits in each of up to 20 layers.
    error = np.abs(keras.ops.cast(output, "float32") - expected).max()
    assert error < 0.1 * np.abs(expected).max()
