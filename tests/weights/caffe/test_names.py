"""Names of layers: those of the networks that are built, and Caffe's."""

import pytest

from selfsup.weights import assignment
from selfsup.weights.caffe import names

import caffe_files
import fakes


@pytest.mark.parametrize("network", ["alexnet", "vgg16", "resnet50"])
def test_units_cover_the_weights_of_a_network(network):
    model = fakes.network(network, normalization="affine", fov_blocks=2)
    found = names.units_of(network, 2)
    kinds = ("convolution", "batch", "bias")
    assert {getattr(unit, kind) for unit in found for kind in kinds} == {
        assignment.layer_of(name) for name in assignment.parameters(model)
    }


@pytest.mark.parametrize(
    "network, layers",
    [
        ("vgg16", caffe_files.vgg16(scale=True)),
        ("alexnet", caffe_files.alexnet()),
        ("resnet50", caffe_files.resnet()),
    ],
)
def test_units_cover_caffes_layers(network, layers):
    kinds = ("convolution", "batch", *(("scale",) if network != "alexnet" else ()))
    found = names.units_of(network)
    assert {getattr(unit, kind) for unit in found for kind in kinds} == set(layers)


def test_units_of_resnet152_are_named_as_in_the_released_file():
    found = names.units_of("resnet152", 1)
    assert len(found) == 156
    assert found[0] == ("conv1", "bn_conv1", "scale_conv1", "bias_conv1")
    assert (
        "res4b35_branch2c",
        "bn4b35_branch2c",
        "scale4b35_branch2c",
        "bias4b35_branch2c",
    ) in found
    assert found[-1] == ("conv8_1", "batch_conv8_1", "scale_conv8_1", "bias8_1")
