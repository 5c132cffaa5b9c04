"""Names of layers in Caffe's files and in our networks.

Convolutions and batch normalizations have the same names in both. Scale layers
exist only in Caffe, `Bias` layers only here: Caffe's biases are blobs of the
layers before. Source: the authors' released networks.
"""

from typing import NamedTuple

from selfsup import networks
from selfsup.networks import units

# Each pair: the name in the network for training, and in the deployed network.
HIDDEN = ("colorize_fc1", "h_fc1")
PREDICTIONS = {
    "prediction_h": ("prediction_h4", "prediction_h"),
    "prediction_c": ("prediction_c4", "prediction_c"),
    "prediction_ab": ("prediction_ab4", "prediction_ab"),
}
HEAD = (*HIDDEN, *(name for names in PREDICTIONS.values() for name in names))


class Unit(NamedTuple):
    """Names of the layers of one unit.

    Attributes:
        convolution: The convolution, in both.
        batch: Its batch normalization, in both.
        scale: The `Scale` layer after the normalization, in Caffe.
        bias: The `Bias` layer, in our networks.
    """

    convolution: str
    batch: str
    scale: str
    bias: str


def units_of(network, fov_blocks=0):
    """Lists the units of a network.

    Args:
        network: A key of `networks.ARCHITECTURES`.
        fov_blocks: Number of field-of-view blocks.

    Returns:
        A tuple of `Unit`, from the input on.
    """
    architecture = networks.ARCHITECTURES[network]
    convolutions = *architecture.filters, *list(units.FOV_FILTERS)[:fov_blocks]
    return tuple(_unit(architecture, name) for name in convolutions)


def _unit(architecture, name):
    batch, bias, _ = architecture.names_after(name)
    scale = "scale" + batch.removeprefix("bn").removeprefix("batch")
    return Unit(name, batch, scale, bias)
