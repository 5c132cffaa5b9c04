"""VGG-16: its layers, its sizes and how many numbers it has."""

import numpy as np
import pytest

from selfsup import heads, networks

import fakes

_CONVOLUTIONS = [
    f"{stage}_{i}"
    for stage, count in zip((1, 2, 3, 4, 5), (2, 2, 3, 3, 3), strict=True)
    for i in range(1, count + 1)
]


@pytest.mark.parametrize("padding", ["zeros", "bias"])
def test_layers_are_named_as_in_caffe(padding):
    names = [layer.name for layer in fakes.network("vgg16", padding=padding).layers]
    expected = ["gray"]
    for name in _CONVOLUTIONS:
        expected += [
            f"conv{name}",
            f"batch_conv{name}",
            f"bias{name}",
            f"relu{name}",
        ]
        if name in ("1_2", "2_2", "3_3", "4_3", "5_3"):
            expected.append(f"pool{name[0]}")
    for name in "67":
        expected += [
            f"fc{name}",
            f"batch_fc{name}",
            f"bias{name}",
            f"relu{name}",
            f"drop{name}",
        ]
    assert names == expected


def test_colorizer_has_the_papers_number_of_weights():
    # Full size; zeros cost neither time nor memory.
    backbone = networks.vgg16(normalization="none", kernel_initializer="zeros")
    taps = networks.taps(backbone)
    assert sum(tap.channels for tap in taps) == 12_417
    assert _trainable(backbone) == 134_259_392
    assert _trainable(heads.colorizer(backbone, taps)) == 147_041_024


def test_normalization_without_scale_adds_no_trainable_weight():
    plain, none = (fakes.network("vgg16", normalization=n) for n in ("plain", "none"))
    assert _trainable(plain) == _trainable(none)


def _trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.parametrize(
    "size, fc6_padding, expected",
    [
        ((1, 1), "same", (1, 1)),
        ((2, 7), "same", (1, 1)),
        ((31, 33), "same", (1, 2)),
        ((64, 96), "same", (2, 3)),
        ((224, 224), "valid", (1, 1)),
        ((193, 256), "valid", (1, 2)),
    ],
)
def test_size_of_the_last_map(size, fc6_padding, expected):
    model = fakes.network("vgg16", fc6_padding=fc6_padding)
    assert model(fakes.image(1, *size, 1)).shape == (1, *expected, 64)


def test_valid_fc6_is_a_matrix_product_with_all_of_pool5():
    model = fakes.randomize(
        fakes.network("vgg16", normalization="none", fc6_padding="valid")
    )
    pool5, relu6 = fakes.maps(model, ["pool5", "relu6"])(fakes.image(2, 224, 224, 1))
    kernel = model.get_layer("fc6").kernel.numpy()
    bias = model.get_layer("bias6")
    expected = pool5.numpy().reshape(2, -1) @ kernel.reshape(-1, kernel.shape[-1])
    expected = np.maximum(expected + bias.bias.numpy() + bias.shift.numpy(), 0)
    np.testing.assert_allclose(relu6[:, 0, 0], expected, rtol=1e-4, atol=1e-4)


def test_dropout_follows_fc6_and_fc7():
    model = fakes.network("vgg16", dropout=0.25)
    assert [model.get_layer(name).rate for name in ("drop6", "drop7")] == [0.25, 0.25]
    assert model.get_layer("drop7").output is model.output


def test_rgb_network_takes_three_channels():
    model = fakes.network("vgg16", input_channels=3)
    assert model.input.shape == (None, None, None, 3)
    assert networks.taps(model)[0] == ("rgb", 1, 0.0, 3)


def test_kernels_start_as_in_caffe():
    # xavier: uniform within sqrt(3 / fan-in), here 3 * 3 * 8 inputs.
    kernel = fakes.network("vgg16", width=1 / 8).get_layer("conv1_2").kernel.numpy()
    bound = np.sqrt(3 / 72)
    assert 0.95 * bound < np.abs(kernel).max() <= bound
    assert abs(kernel).mean() == pytest.approx(bound / 2, rel=0.1)


def test_bad_fc6_padding_is_named():
    with pytest.raises(ValueError, match="same, valid. Received: fc6_padding='bias'"):
        fakes.network("vgg16", fc6_padding="bias")
