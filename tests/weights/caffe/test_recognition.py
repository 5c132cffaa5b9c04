"""Networks recognized by the names and shapes of blobs."""

import pathlib

import numpy as np
import pytest

from selfsup import networks
from selfsup.weights.caffe import blobs, names, recognition

import caffe_files


class _Array:
    """Replaces an array of a file: recognition looks at shapes only."""

    def __init__(self, shape):
        self.shape = tuple(shape)


def _file(layers, record=None):
    arrays = {
        f"{name}/{index}": _Array(np.shape(blob))
        for name, found in layers.items()
        for index, blob in enumerate(found)
    }
    return blobs.Blobs(pathlib.Path("x.h5"), arrays, record or {})


_LAYERS = {
    "vgg16": caffe_files.vgg16(),
    "alexnet": caffe_files.alexnet(),
    "resnet50": caffe_files.resnet(),
    "resnet152": {
        unit.convolution: [np.ones((2, 2, 1, 1))]
        for unit in names.units_of("resnet152")
    },
}


@pytest.mark.parametrize("network", list(_LAYERS))
def test_network_is_found(network):
    assert recognition.find_network(_file(_LAYERS[network])) == network
    assert recognition.find_network(_file(_LAYERS[network]), network) == network


@pytest.mark.parametrize("network", list(_LAYERS))
def test_network_is_found_without_some_layers(network):
    kept = dict(list(_LAYERS[network].items())[4:])
    assert recognition.find_network(_file(kept)) == network


def test_convolutions_alone_are_enough():
    """Of VGG-19, whose own layers are unexpected, or without fc6 and fc7."""
    layers = {k: v for k, v in _LAYERS["vgg16"].items() if not k.startswith("fc")}
    layers |= {"conv3_4": [np.ones((16, 16, 3, 3))]}
    assert recognition.find_network(_file(layers)) == "vgg16"


@pytest.mark.parametrize(
    "expected, found", [("vgg16", "alexnet"), ("resnet50", "resnet152")]
)
def test_swapped_networks(expected, found):
    with pytest.raises(ValueError, match=f"of {expected}. Received: x.h5 .* {found}$"):
        recognition.find_network(_file(_LAYERS[found]), expected)


def test_none_of_the_networks():
    file = _file({"ip1": [np.ones((3, 4))], "conv1": [np.ones((4, 1, 5, 5))]})
    with pytest.raises(ValueError, match="resnet152. Received: x.h5 with ip1, conv1"):
        recognition.find_network(file)
    with pytest.raises(ValueError, match="layers of vgg16. Received"):
        recognition.find_network(file, "vgg16")


def test_description():
    assert recognition.describe(_file(caffe_files.vgg16(channels=3)), "vgg16") == {
        "network": "vgg16",
        "input_channels": 3,
        "width": 0.0625,
        "normalization": "plain",
        "fov_blocks": 0,
    }
    layers = {**caffe_files.resnet(divisor=8), "conv8_1": [], "conv9_1": [np.ones(3)]}
    assert recognition.describe(_file(layers), "resnet50") == {
        "network": "resnet50",
        "input_channels": 1,
        "width": 0.125,
        "normalization": "affine",
        "fov_blocks": 2,
    }
    found = recognition.describe(_file(caffe_files.vgg16(norm=False)), "vgg16")
    assert found["normalization"] == "none"


def test_width_is_that_of_most_layers():
    layers = caffe_files.vgg16()
    layers["conv2_1"][0] = layers["conv2_1"][0][:3]
    layers["fc7"][0] = layers["fc7"][0][:100]
    assert recognition.describe(_file(layers), "vgg16")["width"] == 0.0625
    wide = {"conv1": [np.ones((9000, 1, 3, 3))]}
    assert recognition.describe(_file(wide), "alexnet")["width"] == 1


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_other_inputs_than_gray_and_color(channels):
    layers = {**_LAYERS["alexnet"], "conv1": [np.ones((6, channels, 11, 11))]}
    message = rf"x.h5: conv1/0 \(6, {channels}, 11, 11\) with {channels}$"
    with pytest.raises(ValueError, match=message):
        recognition.describe(_file(layers), "alexnet")


def test_head_of_either_naming():
    assert recognition.find_head(_file(_LAYERS["vgg16"])) is None
    trained = recognition.find_head(_file(caffe_files.head(777)))
    assert trained == (
        "colorize_fc1",
        777,
        20,
        8,
        {"prediction_h": "prediction_h4", "prediction_c": "prediction_c4"},
    )
    deployed_names = ("h_fc1", "prediction_h", "prediction_c")
    layers = caffe_files.head(777, names=deployed_names, square=True)
    deployed = recognition.find_head(_file(layers))
    assert deployed.hidden == "h_fc1" and deployed[1:4] == (777, 20, 8)
    # A missing layer still has a name, and its sizes come from the rest.
    del layers["h_fc1"]
    partial = recognition.find_head(_file(layers))
    assert partial.hidden == "h_fc1" and partial[1:4] == (0, 20, 8)
    lab = {"h_fc1": [np.ones((20, 9))], "prediction_ab": [np.ones((2, 20))]}
    found = recognition.find_head(_file(lab))
    assert found.predictions == {"prediction_ab": "prediction_ab"}


def test_taps_by_the_number_of_channels():
    taps = networks.taps(networks.vgg16(width=1 / 16))
    assert recognition.find_taps(taps, 777) == taps
    assert recognition.find_taps(taps, 776) == taps[1:]
    assert recognition.find_taps(taps, 256) == taps[-1:]
    assert recognition.find_taps(taps, 500) is None
    assert recognition.image_channels(taps) == 1
    assert recognition.image_channels(taps[1:]) == 0


def test_input_convention():
    trained = _file({**_LAYERS["vgg16"], **caffe_files.head(777)})
    assert recognition.input_convention(trained, "plain")[0] == 0.4488
    assert recognition.input_convention(trained, "none")[0] == 0.4488
    deployed_names = ("h_fc1", "prediction_h", "prediction_c")
    deployed = _file({**_LAYERS["vgg16"], **caffe_files.head(7, names=deployed_names)})
    reason = "h_fc1 without batch normalization"
    assert recognition.input_convention(deployed, "none") == (0.0, reason)
    # With statistics it is a file from training, whatever the names.
    assert recognition.input_convention(deployed, "plain")[0] == 0.4488
