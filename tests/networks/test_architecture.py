"""Names of the layers after a convolution, by the convention of the network."""

import pytest

from selfsup import networks


@pytest.mark.parametrize(
    "network, convolution, expected",
    [
        ("vgg16", "conv1_1", ("batch_conv1_1", "bias1_1", "relu1_1")),
        ("alexnet", "fc6", ("batch_fc6", "bias6", "relu6")),
        ("resnet50", "conv1", ("bn_conv1", "bias_conv1", "conv1_relu")),
        ("resnet50", "res2a_branch1", ("bn2a_branch1", "bias2a_branch1")),
        # The field-of-view blocks are those of the other networks.
        ("resnet152", "conv8_1", ("batch_conv8_1", "bias8_1", "relu8_1")),
    ],
)
def test_names_after_a_convolution(network, convolution, expected):
    names = networks.ARCHITECTURES[network].names_after(convolution)
    assert names[: len(expected)] == expected
