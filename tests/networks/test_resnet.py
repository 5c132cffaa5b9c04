"""ResNets: their layers, the shortcut, the sizes and how many numbers they have."""

import keras
import numpy as np
import pytest

from selfsup import networks

import fakes

_POOLS = ["caffe", "symmetric"]


@pytest.fixture(scope="module")
def resnet152():
    """At full size; zeros cost neither time nor memory."""
    return networks.resnet152(
        input_channels=3,
        normalization="affine",
        fov_blocks=2,
        kernel_initializer="zeros",
    )


def _count(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


@pytest.mark.slow
def test_resnet152_has_the_papers_hypercolumn(resnet152):
    taps = networks.taps(resnet152)
    assert sum(tap.channels for tap in taps) == 13_632
    assert sum(tap.channels for tap in taps[:-2]) == 11_584
    # Footnote 2 of the paper.
    assert [tap.channels for tap in taps] == (
        [64] + [256] * 3 + [512] * 3 + [1024] * 7 + [2048] + [1024] * 2
    )


def test_resnet152_has_as_many_weights_as_elsewhere(resnet152):
    fov = 9 * 2048 * 1024 + 9 * 1024 * 1024 + 2 * 2 * 1024
    # torchvision's resnet152 has 60,192,808, of which 2,049,000 in its fc.
    expected = 60_192_808 - 2_049_000
    assert _count(resnet152.trainable_weights) - fov == expected


def test_resnet50_has_as_many_weights_as_elsewhere():
    model = networks.resnet50(
        input_channels=3, normalization="affine", kernel_initializer="zeros"
    )
    # torchvision's resnet50 has 25,557,032, of which 2,049,000 in its fc.
    assert _count(model.trainable_weights) == 25_557_032 - 2_049_000
    assert sum(tap.channels for tap in networks.taps(model)) == 11_072
    names = {layer.name for layer in model.layers}
    assert {"res2c", "res3d", "res4f", "res5c"} <= names
    assert not {"res2d", "res3e", "res4g", "res5d", "res3b1"} & names


def test_counts_follow_from_the_blocks():
    # Bottlenecks: 1x1, 3x3, 1x1, and a 1x1 shortcut in the first of a stage.
    expected, inputs = 7 * 7 * 64 + 64, 64
    for width, blocks in ((64, 2), (128, 2), (256, 1), (512, 1)):
        for i in range(blocks):
            expected += inputs * width + 9 * width**2 + 4 * width**2 + 6 * width
            if i == 0:
                expected += 4 * width * inputs + 4 * width
            inputs = 4 * width
    model = fakes.network("resnet", width=1, kernel_initializer="zeros")
    assert _count(model.trainable_weights) == expected


def test_layers_are_named_as_in_caffe(resnet152):
    names = {layer.name for layer in resnet152.layers}
    assert {"conv1", "bn_conv1", "bias_conv1", "conv1_relu", "pool1"} <= names
    blocks = [
        *("2a", "2b", "2c", "3a", *(f"3b{i}" for i in range(1, 8)), "4a"),
        *(f"4b{i}" for i in range(1, 36)),
        *("5a", "5b", "5c"),
    ]
    for block in blocks:
        assert {f"res{block}", f"res{block}_relu"} <= names
        branches = ("2a", "2b", "2c", *(("1",) if block[1:] == "a" else ()))
        for branch in branches:
            name = f"{block}_branch{branch}"
            assert {f"res{name}", f"bn{name}", f"bias{name}"} <= names
            # Branches are summed before the ReLU.
            assert (f"res{name}_relu" in names) == (branch in ("2a", "2b"))
    convolutions = [n for n in names if n.startswith("res") and "branch" in n]
    assert len([n for n in convolutions if not n.endswith("_relu")]) == 3 * 50 + 4
    assert "res2a_branch1" in names and "res2b_branch1" not in names


def test_stride_sits_in_the_first_one_by_one_convolutions():
    model = fakes.network("resnet")
    strided = {
        layer.name
        for layer in model.layers
        if getattr(layer, "strides", None) == (2, 2) and "branch" in layer.name
    }
    assert strided == {f"res{i}a_branch{b}" for i in (3, 4, 5) for b in ("1", "2a")}


@pytest.mark.parametrize("padding", ["zeros", "bias"])
def test_block_adds_its_shortcut_before_the_relu(padding):
    model = fakes.network("resnet", padding=padding)
    fakes.randomize(model)
    names = ["bias2a_branch1", "bias2a_branch2c", "res2a_relu", "bias2b_branch2c"]
    outputs = [model.get_layer(n).output for n in [*names, "res2b_relu"]]
    outputs = [o[0] if isinstance(o, (list, tuple)) else o for o in outputs]
    one, two, three, four, five = (
        x.numpy() for x in keras.Model(model.input, outputs)(fakes.image(1, 20, 20, 1))
    )
    np.testing.assert_allclose(three, np.maximum(one + two, 0), rtol=1e-6)
    # Without projection the shortcut is the block's input.
    np.testing.assert_allclose(five, np.maximum(three + four, 0), rtol=1e-6)


@pytest.mark.parametrize(
    "size, expected",
    [
        ((1, 2), {"caffe": (1, 1), "symmetric": (1, 1)}),
        ((7, 31), {"caffe": (1, 1), "symmetric": (1, 1)}),
        ((33, 64), {"caffe": (1, 2), "symmetric": (2, 2)}),
        ((64, 96), {"caffe": (2, 3), "symmetric": (2, 3)}),
        ((224, 225), {"caffe": (7, 7), "symmetric": (7, 8)}),
    ],
)
@pytest.mark.parametrize("pool1", _POOLS)
def test_size_of_the_last_map(size, expected, pool1):
    model = fakes.network("resnet", pool1=pool1)
    assert model(fakes.image(1, *size, 1)).shape[1:3] == expected[pool1]


@pytest.mark.parametrize("pool1, before", [("caffe", 0), ("symmetric", 1)])
@pytest.mark.parametrize("size", [15, 16, 17, 18])
def test_first_pool_against_its_definition(pool1, before, size):
    model = fakes.randomize(fakes.network("resnet", pool1=pool1))
    x, y = fakes.maps(model, ["conv1_relu", "pool1"])(fakes.image(1, size, size, 1))
    x, y = x.numpy(), y.numpy()
    for i in range(y.shape[1]):
        start = 2 * i - before
        rows = x[:, max(0, start) : start + 3]
        for j in range(y.shape[2]):
            start = 2 * j - before
            window = rows[:, :, max(0, start) : start + 3]
            np.testing.assert_array_equal(y[:, i, j], window.max(axis=(1, 2)))
    length = x.shape[1]
    # Caffe keeps partial windows; with symmetric pads, as in torchvision, not.
    assert (
        y.shape[1] == (-(-(length - 3) // 2) if before == 0 else (length - 1) // 2) + 1
    )


def test_bad_pool1_is_named():
    with pytest.raises(ValueError, match="symmetric. Received: pool1='same'"):
        fakes.network("resnet", pool1="same")
