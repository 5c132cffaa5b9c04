"""The unit of all networks: what is in it, what it pads with, what it refuses."""

import keras
import numpy as np
import pytest

from selfsup.networks import units

import contracts
import fakes

_NAMES = ("batch", "bias", "relu")


def _model(unit, *args, channels=2, **kwargs):
    inputs = keras.Input((None, None, channels))
    x, _ = unit.conv(inputs, None, *args, names=_NAMES, **kwargs)
    return keras.Model(inputs, x)


def _layers(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_plain_normalization_has_no_scale_and_no_offset():
    model = _model(units.Units(bn_momentum=0.9), 4, 3, "conv", padding=1)
    (batch,) = _layers(model, keras.layers.BatchNormalization)
    assert (batch.scale, batch.center) == (False, False)
    assert (batch.epsilon, batch.momentum) == (1e-5, 0.9)
    # The trainer switches it on; JAX refuses it.
    assert batch.synchronized is False
    assert {w.name for w in batch.weights} == {"moving_mean", "moving_variance"}


def test_affine_normalization_has_a_scale_and_the_bias_is_its_offset():
    model = _model(units.Units(normalization="affine"), 4, 3, "conv", padding=1)
    (batch,) = _layers(model, keras.layers.BatchNormalization)
    assert (batch.scale, batch.center, batch.epsilon) == (True, False, 1e-5)
    assert {w.name for w in model.trainable_weights} == {"kernel", "gamma", "bias"}


def test_no_normalization_leaves_convolution_and_bias():
    model = _model(units.Units(normalization="none"), 4, 3, "conv", padding=1)
    assert not _layers(model, keras.layers.BatchNormalization)
    assert [w.name for w in model.trainable_weights] == ["kernel", "bias"]


@pytest.mark.parametrize("normalization", units.NORMALIZATIONS)
def test_unit_is_convolution_normalization_bias_relu(normalization):
    unit = units.Units(normalization=normalization)
    model = fakes.randomize(_model(unit, 4, 1, "conv"))
    x = fakes.image(2, 3, 4, 2)
    weights = {w.name: w.numpy() for w in model.weights}
    y = x @ weights["kernel"][0, 0]
    if normalization != "none":
        deviation = np.sqrt(weights["moving_variance"] + 1e-5)
        y = (y - weights["moving_mean"]) / deviation * weights.get("gamma", 1.0)
    expected = np.maximum(y + weights["bias"] + weights["shift"], 0)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", units.PADDINGS)
@pytest.mark.parametrize(
    "kernel_size, strides, pad",
    [(3, 1, 1), (7, 2, 3), (6, 1, (2, 3)), (11, 4, 0), (3, 2, (0, 1)), (1, 2, 0)],
)
def test_pads_are_the_same_numbers_at_every_size(padding, kernel_size, strides, pad):
    inputs, border = keras.Input((None, None, 2)), keras.Input(batch_shape=(2,))
    x, _ = units.Units(padding=padding, normalization="none").conv(
        inputs,
        border if padding == "bias" else None,
        4,
        kernel_size,
        "conv",
        strides=strides,
        padding=pad,
        names=_NAMES,
    )
    model = fakes.randomize(keras.Model([inputs, border], x))
    value = np.float32([0.5, -2.0])
    outside = value if padding == "bias" else np.zeros(2, "float32")
    kernel, bias, shift = (w.numpy() for w in model.weights)
    before, after = (pad, pad) if isinstance(pad, int) else pad
    for size in (11, 12, 13):
        image = fakes.image(1, size, size, 2)
        total = size + before + after
        padded = np.tile(outside, (total, total, 1))
        padded[before : before + size, before : before + size] = image[0]
        length = (total - kernel_size) // strides + 1
        steps = [slice(strides * i, strides * i + kernel_size) for i in range(length)]
        expected = np.float32(
            [
                [np.tensordot(padded[rows, columns], kernel, 3) for columns in steps]
                for rows in steps
            ]
        )
        np.testing.assert_allclose(
            model([image, value])[0],
            np.maximum(expected + bias + shift, 0),
            rtol=1e-5,
            atol=1e-5,
        )


@pytest.mark.parametrize("padding", units.PADDINGS)
def test_groups_are_separate_convolutions(padding):
    unit = units.Units(padding=padding, normalization="none")
    model = _model(unit, 6, 3, "conv", padding=1, groups=2, channels=4)
    fakes.randomize(model, bias=0)
    kernel = model.get_layer("conv").kernel.numpy()
    assert kernel.shape == (3, 3, 2, 6)
    image = fakes.image(2, 5, 6, 4)
    halves = [
        keras.ops.conv(image[..., 2 * i : 2 * i + 2], kernel[..., half], padding="same")
        for i, half in enumerate((slice(0, 3), slice(3, 6)))
    ]
    expected = np.maximum(np.concatenate(halves, axis=-1), 0)
    np.testing.assert_allclose(model(image), expected, rtol=1e-5, atol=1e-5)


def test_unit_without_relu_hands_on_the_bare_bias():
    unit = units.Units(padding="bias")
    inputs = keras.Input((None, None, 2))
    x, border = unit.conv(inputs, None, 4, 1, "conv", names=_NAMES, relu=False)
    model = keras.Model(inputs, [x, border])
    model.get_layer("bias").bias.assign([-1.0, 0.0, 2.0, 3.0])
    np.testing.assert_array_equal(model(fakes.image(1, 2, 2, 2))[1], [-1, 0, 2, 3])


def test_border_of_a_residual_sum_is_summed_before_it_is_rectified():
    one, two = np.float32([-1.0, 2.0, -3.0]), np.float32([0.5, -1.0, 4.0])
    np.testing.assert_array_equal(units.rectified_sum(one, two), [0, 1, 1])
    assert units.rectified_sum(None, two) is None


def test_borders_are_none_with_zero_padding():
    inputs = keras.Input((None, None, 2))
    _, border = units.Units().conv(inputs, None, 4, 1, "conv1")
    assert border is None


@pytest.mark.parametrize(
    "width, count, expected",
    [(1.0, 64, 64), (0.25, 384, 96), (1e-3, 64, 2), (0.05, 64, 4), (2, 64, 128)],
)
def test_channels_are_even_and_never_zero(width, count, expected):
    assert units.Units(width).channels(count) == expected


def test_filters_of_a_unit_are_scaled():
    inputs = keras.Input((None, None, 2))
    x, _ = units.Units(width=0.5).conv(inputs, None, 16, 1, "conv1")
    assert x.shape[-1] == 8


def test_names_follow_caffe():
    assert units.sequential_names("conv1_1") == ("batch_conv1_1", "bias1_1", "relu1_1")
    assert units.sequential_names("fc6") == ("batch_fc6", "bias6", "relu6")
    assert units.residual_names("conv1") == ("bn_conv1", "bias_conv1", "conv1_relu")
    assert units.residual_names("res3a_branch1") == (
        "bn3a_branch1",
        "bias3a_branch1",
        "res3a_branch1_relu",
    )


def test_fully_connected_layers_are_convolutions_with_dropout():
    inputs = keras.Input((None, None, 2))
    unit = units.Units(width=1 / 256, normalization="none")
    x, _ = unit.fully_connected(inputs, None, 3, (1, 2), dropout=0.25)
    model = keras.Model(inputs, x)
    names = ["fc6_pad", "fc6", "bias6", "relu6", "drop6", "fc7", "bias7", "relu7"]
    assert [layer.name for layer in model.layers][1:] == [*names, "drop7"]
    assert model.get_layer("fc6").kernel.shape == (3, 3, 2, 16)
    assert model.get_layer("fc7").kernel.shape == (1, 1, 16, 16)
    assert model.get_layer("drop6").rate == model.get_layer("drop7").rate == 0.25
    # 5 pixels, padded to 8, under windows of 3.
    assert model(fakes.image(1, 5, 5, 2)).shape == (1, 6, 6, 16)


def test_field_of_view_sees_two_by_two_and_three_by_three():
    unit = units.Units(width=1 / 256, normalization="none", padding="bias")
    inputs = keras.Input((None, None, 2))
    x, border = unit.field_of_view(inputs, None, 2)
    model = fakes.randomize(keras.Model(inputs, [x, border]))
    # Rounded up: 5 pixels, then 3, then 2.
    y, border = contracts.to_numpy(model(fakes.image(1, 5, 5, 2)))
    assert y.shape == (1, 2, 2, 4) and border.shape == (4,)
    assert {"pool8", "conv8_1", "relu8_1", "pool9", "conv9_1", "relu9_1"} <= {
        layer.name for layer in model.layers
    }
    # The first block has no border yet, the second pads with the first's.
    bias = model.get_layer("bias8_1").bias.numpy()
    model.get_layer("bias8_1").bias.assign(bias + 1)
    assert not np.allclose(model(fakes.image(1, 5, 5, 2))[0], y)


@pytest.mark.parametrize("blocks", [-1, 3, None])
def test_number_of_field_of_view_blocks_is_checked(blocks):
    inputs = keras.Input((None, None, 2))
    with pytest.raises(ValueError, match=f"0, 1 or 2. Received: fov_blocks={blocks}"):
        units.Units().field_of_view(inputs, None, blocks)


@pytest.mark.parametrize(
    "arguments, received",
    [
        ({"width": 0}, "width=0"),
        ({"width": float("nan")}, "width=nan"),
        ({"bn_momentum": 1}, "bn_momentum=1"),
        ({"padding": "same"}, "zeros, bias. Received: padding='same'"),
        ({"normalization": None}, "affine, none. Received: normalization=None"),
    ],
)
def test_bad_settings_are_named(arguments, received):
    with pytest.raises(ValueError, match=received):
        units.Units(**arguments)


def test_input_is_gray_or_rgb_of_any_size():
    gray, seen = units.image_input(1)
    assert gray is seen and gray.name == "gray"
    rgb, _ = units.image_input(3)
    assert rgb.name == "rgb" and rgb.shape == (None, None, None, 3)
    with pytest.raises(ValueError, match="Received: input_channels=4"):
        units.image_input(4)


def test_input_is_brought_to_the_convention_of_the_weights():
    rgb, seen = units.image_input(3, (255, [1.0, 2.0, np.float32(3)]))
    model = keras.Model(rgb, seen)
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 4, 5, 3)).astype("float32")
    np.testing.assert_allclose(model(image), 255 * image + [1, 2, 3], rtol=1e-6)
    model = contracts.save_and_load(model)
    np.testing.assert_allclose(model(image), 255 * image + [1, 2, 3], rtol=1e-6)


@pytest.mark.parametrize(
    "rescaling", [2.0, (1.0,), (1.0, [1.0, 2.0]), ("a", 0.0), (1.0, [[1.0] * 3])]
)
def test_bad_rescaling_is_named(rescaling):
    with pytest.raises(ValueError, match="pair .scale, offset., each a number or 3"):
        units.image_input(3, rescaling)
