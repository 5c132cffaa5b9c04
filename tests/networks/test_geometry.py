"""Strides and offsets against the pixels that a feature map really sees."""

import keras
import numpy as np
import pytest

from selfsup import networks
from selfsup.networks import geometry

import fakes

# By hand: the offset grows by the stride so far times (kernel - 1) / 2 - pad.
_VGG16 = [
    *[(1, 0.0)] * 3,  # The image and conv1.
    *[(2, 0.5)] * 2,
    *[(4, 1.5)] * 3,
    *[(8, 3.5)] * 3,
    *[(16, 7.5)] * 3,
    *[(32, 15.5)] * 2,
]
_ALEXNET = [
    (1, 0.0),
    (4, 5.0),  # conv1: 11 pixels without pad.
    (8, 9.0),  # pool1: 5 + 4 * 1.
    *[(16, 17.0)] * 3,  # pool2: 9 + 8 * 1.
    *[(32, 49.0)] * 2,  # pool5: 17 + 16 * 1; fc6: 6 pixels, pad 2: + 32 / 2.
]
_RESNET50 = {
    pool1: [
        (2, 0.0),  # conv1: 7 pixels, pad 3.
        *[(4, offset)] * 3,  # pool1: 3 pixels, pad 0 or 1.
        *[(8, offset)] * 4,
        *[(16, offset)] * 6,
        (32, offset),
    ]
    for pool1, offset in (("caffe", 2.0), ("symmetric", 0.0))
}
# FoV: pooling adds half a stride, twice.
_FOV = {32: [(64, 16.0), (128, 48.0)]}


def _see_through(model):
    """Makes a pixel of a map positive just where it sees a positive input.

    All kernels are positive and all biases zero. So nothing cancels out, and
    max pooling cannot hide a pixel that is the only positive one.
    """
    for variable in model.weights:
        if variable.name == "kernel":
            # Keeps sums near 1: 1e-38 is not far from (1 / 9) ** 36.
            scale = variable.shape[0] / np.prod(variable.shape[:-1])
            variable.assign(np.full(variable.shape, scale, "float32"))
    return model


def _seen(model, tap_names, length, axis, thickness):
    """For each tap: which lines of the image each of its lines sees.

    Returns bool arrays `[lines of the image, lines of the tap]`.
    """
    shape = [length, 1 if axis == 2 else length, 1 if axis == 1 else length, 1]
    shape[3 - axis] = thickness
    lines = np.zeros(shape, "float32")
    index = np.arange(length)
    lines[(index, index) if axis == 1 else (index, slice(None), index)] = 1
    outputs = fakes.maps(model, tap_names)(lines)
    return [output.numpy().max(axis=(3 - axis, 3)) > 0 for output in outputs]


def _check_centers(model, taps, length, axis=1, thickness=1):
    maps = _seen(model, [tap.layer for tap in taps], length, axis, thickness)
    grids = networks.grids(model)
    for tap, seen in zip(taps, maps, strict=True):
        centers = {}
        # An unpadded convolution may leave out the last lines of the image.
        last = np.flatnonzero(seen.any(axis=1))[-1]
        assert last > length - 11
        for i, column in enumerate(seen.T):
            lines = np.flatnonzero(column)
            assert len(lines) == lines[-1] - lines[0] + 1, "no gaps"
            if 0 < lines[0] and lines[-1] < last:  # Not cut off.
                centers[i] = (lines[0] + lines[-1]) / 2
                assert len(lines) == grids[tap.layer].field
        # Two neighbors determine the stride.
        assert len(centers) >= 2, tap
        expected = {i: tap.offset + tap.stride * i for i in centers}
        assert centers == expected, tap


def _build(network, **kwargs):
    model = fakes.network(network, normalization="none", **kwargs)
    return _see_through(model), networks.taps(model)


# Longer than the receptive field of fc6 (404 and 355 pixels) or res5c (483)
# and two strides.
@pytest.mark.parametrize("length", [480, 487])
@pytest.mark.parametrize("axis", [1, 2])
def test_vgg16_taps_are_where_their_pixels_look(length, axis):
    model, taps = _build("vgg16")
    assert [(tap.stride, tap.offset) for tap in taps] == _VGG16
    _check_centers(model, taps, length, axis)


@pytest.mark.parametrize("length", [448, 435])
@pytest.mark.parametrize("axis", [1, 2])
def test_alexnet_taps_are_where_their_pixels_look(length, axis):
    model, taps = _build("alexnet")
    assert [(tap.stride, tap.offset) for tap in taps] == _ALEXNET
    _check_centers(model, taps, length, axis, thickness=11)


@pytest.mark.parametrize("length, pool1", [(576, "caffe"), (577, "symmetric")])
def test_resnet50_taps_are_where_their_pixels_look(length, pool1):
    model, taps = _build("resnet50", pool1=pool1)
    assert [(tap.stride, tap.offset) for tap in taps] == _RESNET50[pool1]
    _check_centers(model, taps, length)


@pytest.mark.slow
@pytest.mark.parametrize("pool1", ["caffe", "symmetric"])
def test_resnet152_taps_are_where_their_pixels_look(pool1):
    model, taps = _build("resnet152", pool1=pool1)
    # res5c sees 1,507 pixels.
    _check_centers(model, taps, 1600)


@pytest.mark.parametrize("padding", ["zeros", "bias"])
def test_fov_taps_are_where_their_pixels_look(padding):
    # With the borders at zero, bias padding hides nothing.
    model, taps = _build("vgg16", fov_blocks=2, padding=padding)
    assert [tap.layer for tap in taps[-2:]] == ["relu8_1", "relu9_1"]
    assert [(t.stride, t.offset - 15.5) for t in taps[-2:]] == _FOV[32]
    # relu9_1 sees 404 + 32 + 128 + 64 + 256 = 884 pixels.
    _check_centers(model, taps[-2:], 1200)


def test_valid_fc6_sees_the_center_of_its_window():
    # fc6 covers 7 pixels of stride 32 from pool5's first, at 15.5.
    model = fakes.network("vgg16", fc6_padding="valid")
    assert networks.taps(model)[-1][1:3] == (32, 15.5 + 3 * 32)
    model = fakes.network("alexnet", fc6_padding="valid")
    assert networks.taps(model)[-1][1:3] == (32, 33 + 2.5 * 32)


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet"])
def test_padding_and_normalization_do_not_move_the_grids(name):
    def grids(**kwargs):
        model = fakes.network(name, **kwargs)
        found = networks.grids(model)
        return {x.name: found[x.name] for x in model.layers if "relu" in x.name}

    expected = grids()
    assert grids(padding="bias") == expected
    assert grids(normalization="none") == expected


@pytest.mark.parametrize("padding, offset", [("same", 0.0), ("valid", 2.0)])
def test_dilation_widens_the_window(padding, offset):
    inputs = keras.Input((None, None, 1))
    conv = keras.layers.Conv2D(1, 3, dilation_rate=2, padding=padding, name="conv")
    grid = geometry.grids(keras.Model(inputs, conv(inputs)))["conv"]
    assert (grid.stride, grid.offset) == (1, offset)


def test_arithmetic_between_layers_keeps_the_grid():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.MaxPooling2D(2, name="pool")(inputs)
    x = keras.layers.ReLU(name="relu")(2.0 * x + 1.0)
    grid = geometry.grids(keras.Model(inputs, x))["relu"]
    assert (grid.stride, grid.offset) == (2, 0.5)


def test_grids_survive_a_head_on_top():
    model = fakes.network("vgg16")
    expected = networks.taps(model)
    head = keras.layers.GlobalAveragePooling2D()(2.0 * model.output)
    assert networks.taps(keras.Model(model.input, head)) == expected


@pytest.mark.parametrize(
    "network, layer, field",
    [
        # By hand: each window adds (size - 1) times the stride so far.
        ("vgg16", "relu1_2", 5),
        ("vgg16", "relu5_3", 196),
        ("vgg16", "drop6", 404),
        ("alexnet", "relu1", 11),
        ("alexnet", "relu5", 163),
        ("alexnet", "drop7", 355),
        ("resnet", "conv1_relu", 7),
        # The sum of a branch with a window of 3 and of one that sees less.
        ("resnet", "res2a_relu", 7 + 4 + 8),
        ("resnet", "res5a_relu", 7 + 4 + 2 * 8 + 2 * 16 + 32 + 64),
    ],
)
def test_receptive_fields_are_those_worked_by_hand(network, layer, field):
    assert networks.grids(fakes.network(network))[layer].field == field
