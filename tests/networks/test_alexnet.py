"""AlexNet: its layers, its groups, its sizes and how many numbers it has."""

import keras
import numpy as np
import pytest

from selfsup import networks

import fakes


@pytest.mark.parametrize("padding", ["zeros", "bias"])
def test_layers_are_named_as_in_caffe(padding):
    model = fakes.network("alexnet", padding=padding, lrn=True)
    names = [x.name for x in model.layers if not x.name.endswith("_border")]
    expected = ["gray"]
    for name in "12345":
        expected += [f"conv{name}", f"batch_conv{name}", f"bias{name}", f"relu{name}"]
        if name in "12":
            expected.append(f"norm{name}")
        if name in "125":
            expected.append(f"pool{name}")
    for name in "67":
        expected += [
            f"fc{name}",
            f"batch_fc{name}",
            f"bias{name}",
            f"relu{name}",
            f"drop{name}",
        ]
    assert names == expected


def test_size_is_that_of_caffes_reference_model():
    # Full size; zeros cost neither time nor memory.
    model = networks.alexnet(
        input_channels=3, normalization="none", kernel_initializer="zeros"
    )
    # Kernel, then bias; two groups halve the inputs of conv2, conv4 and conv5.
    expected = (
        (11 * 11 * 3 * 96 + 96)
        + (5 * 5 * 48 * 256 + 256)
        + (3 * 3 * 256 * 384 + 384)
        + (3 * 3 * 192 * 384 + 384)
        + (3 * 3 * 192 * 256 + 256)
        + (6 * 6 * 256 * 4096 + 4096)
        + (4096 * 4096 + 4096)
    )
    assert expected == 60_965_224 - 4_097_000  # CaffeNet without its fc8.
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == expected
    assert sum(tap.channels for tap in networks.taps(model)) == 9_568 + 3


@pytest.mark.parametrize(
    "size, fc6_padding, expected",
    [
        ((11, 31), "same", (1, 1)),
        # conv1: 6 and 14, pool1: 3 and 7, pool2: 1 and 3, pool5: 1.
        ((33, 64), "same", (1, 1)),
        # 14 and 22, 7 and 11, 3 and 5, 1 and 2.
        ((64, 96), "same", (1, 2)),
        ((227, 227), "same", (6, 6)),
        ((227, 227), "valid", (1, 1)),
        ((227, 259), "valid", (1, 2)),
    ],
)
def test_size_of_the_last_map(size, fc6_padding, expected):
    model = fakes.network("alexnet", fc6_padding=fc6_padding)
    assert model(fakes.image(1, *size, 1)).shape == (1, *expected, 64)


def test_maps_have_caffes_sizes():
    model = fakes.network("alexnet")
    maps = fakes.maps(model, ["conv1", "pool1", "pool2", "pool5"])
    sizes = [x.shape[1] for x in maps(fakes.image(1, 227, 227, 1))]
    assert sizes == [55, 27, 13, 6]


@pytest.mark.parametrize("padding", ["zeros", "bias"])
@pytest.mark.parametrize("name, pad", [("conv2", 2), ("conv4", 1), ("conv5", 1)])
def test_groups_are_two_halves(name, pad, padding):
    model = fakes.network(
        "alexnet", width=1 / 32, padding=padding, normalization="none", lrn=True
    )
    fakes.randomize(model)
    below = {"conv2": "pool1", "conv4": "relu3", "conv5": "relu4"}[name]
    image = fakes.image(2, 75, 83, 1)
    x, y = fakes.maps(model, [below, name])(image)
    x = x.numpy()
    outside = np.zeros(x.shape[-1], "float32")
    if padding == "bias":
        outside = keras.Model(model.input, model.get_layer(name).input[1])(image)
    padded = np.empty(
        (2, x.shape[1] + 2 * pad, x.shape[2] + 2 * pad, x.shape[3]), "float32"
    )
    padded[:] = outside
    padded[:, pad:-pad, pad:-pad] = x
    kernel, half = model.get_layer(name).kernel.numpy(), x.shape[-1] // 2
    first, second = (
        keras.ops.conv(inputs, part, padding="valid")
        for inputs, part in (
            (padded[..., :half], kernel[..., : y.shape[-1] // 2]),
            (padded[..., half:], kernel[..., y.shape[-1] // 2 :]),
        )
    )
    assert kernel.shape[2] == half
    expected = np.concatenate([first, second], axis=-1)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_same_fc6_pads_two_pixels_before_and_three_after():
    same, valid = (
        fakes.network("alexnet", normalization="none", fc6_padding=p)
        for p in ("same", "valid")
    )
    fakes.randomize(same)
    valid.set_weights(same.get_weights())
    x = fakes.image(1, 227, 227, 1)
    same, valid = (fakes.maps(model, ["fc6"])(x) for model in (same, valid))
    np.testing.assert_allclose(same[:, 2:3, 2:3], valid, rtol=1e-4, atol=1e-4)


def test_normalization_of_responses_sits_between_relu_and_pool():
    model = fakes.randomize(fakes.network("alexnet", lrn=True, padding="bias"))
    relu, norm = fakes.maps(model, ["relu1", "norm1"])(100 * fakes.image(1, 15, 15, 1))
    relu = relu.numpy()
    energy = (relu**2).sum(-1, keepdims=True)  # Two channels see one another.
    expected = relu / (1 + 2e-5 * energy) ** 0.75
    np.testing.assert_allclose(norm, expected, rtol=1e-5)
    assert model.get_layer("norm1").output is model.get_layer("pool1").input
    assert "norm1" not in {x.name for x in fakes.network("alexnet").layers}


def test_bad_fc6_padding_is_named():
    with pytest.raises(ValueError, match="same, valid. Received: fc6_padding=None"):
        fakes.network("alexnet", fc6_padding=None)
