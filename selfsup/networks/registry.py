"""All networks by name, and which of them a model is."""

from selfsup.networks import units
from selfsup.networks.alexnet import ALEXNET
from selfsup.networks.geometry import Tap, grids
from selfsup.networks.resnet import RESNET50, RESNET152
from selfsup.networks.vgg16 import VGG16

# By the name that the tools take.
ARCHITECTURES = {
    network.name: network for network in (ALEXNET, VGG16, RESNET50, RESNET152)
}


def taps(model):
    """Lists the feature maps of a backbone's hypercolumn, finest first.

    Args:
        model: A model made by one of the builders of this package.

    Returns:
        A tuple of `Tap`.

    Raises:
        ValueError: If the layers are those of none of the networks.

    Example:

    >>> sum(tap.channels for tap in taps(build({"network": "vgg16", "width": 0.25})))
    3105
    """
    network = ARCHITECTURES[recognize(model)]
    layers = {layer.name: layer for layer in model.layers}
    names = (
        *(("gray", "rgb") if network.input_is_tap else ()),
        *network.taps,
        *(network.names_after(convolution)[-1] for convolution in units.FOV_FILTERS),
    )
    found = grids(model)
    return tuple(
        Tap(
            name,
            found[name].stride,
            found[name].offset,
            layers[name].output.shape[-1],
        )
        for name in names
        if name in layers
    )


def is_network(model):
    """Returns whether `recognize` knows a model."""
    return _find(model) is not None


def recognize(model):
    """Returns the name of the network that a model was built as.

    The layers decide, so models that were loaded from a file, renamed or extended
    by a head are recognized too.

    Args:
        model: A model made by one of the builders of this package.

    Returns:
        A key of `ARCHITECTURES`.

    Raises:
        ValueError: If the layers are those of none of the networks.
    """
    found = _find(model)
    if found is None:
        raise ValueError(
            "Argument `model` is none of the networks of this package. Expected "
            f"the layers of one of {', '.join(ARCHITECTURES)}. "
            f"Received: model={model.name!r} with {len(model.layers)} layers"
        )
    return found


def _find(model):
    names = {layer.name for layer in model.layers}
    for network in ARCHITECTURES.values():
        if names.issuperset(network.taps):
            return network.name
    return None
