"""Backbones: AlexNet, VGG-16, ResNet-50 and ResNet-152, and their taps."""

from selfsup.networks import alexnet as _alexnet
from selfsup.networks import resnet as _resnet
from selfsup.networks import vgg16 as _vgg16
from selfsup.networks.alexnet import alexnet
from selfsup.networks.description import build, describe
from selfsup.networks.geometry import Tap, grids
from selfsup.networks.resnet import resnet50, resnet152
from selfsup.networks.vgg16 import vgg16

__all__ = [
    "BUILDERS",
    "Tap",
    "alexnet",
    "build",
    "describe",
    "grids",
    "is_network",
    "recognize",
    "resnet50",
    "resnet152",
    "taps",
    "vgg16",
]

# Networks by the name that the tools take.
BUILDERS = {
    "alexnet": alexnet,
    "vgg16": vgg16,
    "resnet50": resnet50,
    "resnet152": resnet152,
}

# Whether the input itself is the first tap, and the tapped layers.
_TAPS = {
    "alexnet": (True, _alexnet.TAPS),
    "vgg16": (True, _vgg16.TAPS),
    "resnet152": (False, _resnet.RESNET152_TAPS),
    "resnet50": (False, _resnet.RESNET50_TAPS),
}
_FOV_TAPS = ("relu8_1", "relu9_1")


def taps(model):
    """Lists the feature maps of a backbone's hypercolumn, finest first.

    Args:
        model: A model made by one of the builders of this module.

    Returns:
        A tuple of `Tap`.

    Raises:
        ValueError: If the layers are those of none of the networks.

    Example:

    >>> sum(tap.channels for tap in taps(vgg16()))
    12417
    """
    with_input, tapped = _TAPS[recognize(model)]
    layers = {layer.name: layer for layer in model.layers}
    inputs = [name for name in ("gray", "rgb") if name in layers]
    found = grids(model)
    return tuple(
        Tap(name, found[name].stride, found[name].offset, layers[name].output.shape[-1])
        for name in (
            *(inputs if with_input else ()),
            *tapped,
            *(name for name in _FOV_TAPS if name in layers),
        )
    )


def is_network(model):
    """Tells whether `recognize` knows a model."""
    names = {layer.name for layer in model.layers}
    return any(names.issuperset(tapped) for _, tapped in _TAPS.values())


def recognize(model):
    """Returns the name of the network that a model was built as.

    It is told by the layers, so models that were loaded from a file, renamed
    or extended by a head are recognised too.

    Args:
        model: A model made by one of the builders of this module.

    Returns:
        A key of `BUILDERS`.

    Raises:
        ValueError: If the layers are those of none of the networks.
    """
    names = {layer.name for layer in model.layers}
    for network, (_, tapped) in _TAPS.items():
        if names.issuperset(tapped):
            return network
    raise ValueError(
        "Argument `model` is none of the networks of this package. Expected "
        f"the layers of one of {', '.join(BUILDERS)}. "
        f"Received: model={model.name!r} with {len(names)} layers"
    )
