"""Recognizes the network of a Caffe file by names and shapes of its blobs."""

import statistics
from typing import NamedTuple

from selfsup import color, networks
from selfsup.networks import description
from selfsup.weights.caffe import names

_IMAGES = ("gray", "rgb")
_DEFAULT_HIDDEN, _DEFAULT_BINS = 1024, 32


class Head(NamedTuple):
    """The head of a colorizer in a file.

    Attributes:
        hidden: Name of the hidden layer there.
        inputs: Channels of the hypercolumn.
        units: Units of the hidden layer.
        bins: Bins of each histogram.
        predictions: Dict from our layer to the name of the layer there.
    """

    hidden: str
    inputs: int
    units: int
    bins: int
    predictions: dict


def find_network(blobs, expected=None):
    """Finds the network whose convolutions a file holds.

    Some may be missing, as long as the file has more in common with this network
    than with the others.

    Args:
        blobs: A `Blobs`.
        expected: The network that the user names, if any.

    Returns:
        A key of `networks.ARCHITECTURES`.

    Raises:
        ValueError: If the file holds another network than `expected`, or none
            of this package.
    """
    layers = set(blobs.layers())
    shares = {
        network: len(layers.intersection(found.filters)) / len(found.filters)
        for network, found in networks.ARCHITECTURES.items()
    }
    found = max(shares, key=shares.get)
    if shares[found] < 0.5:
        raise ValueError(
            "The file holds none of the networks of this package. Expected the layers "
            f"of {expected or ', '.join(networks.ARCHITECTURES)}. "
            f"Received: {blobs.path} with {', '.join(blobs.layers())}"
        )
    if expected not in (None, found):
        raise ValueError(
            "The file holds another network. Expected the layers of "
            f"{expected}. Received: {blobs.path} with those of {found}"
        )
    return found


def describe(blobs, network):
    """Finds the arguments of the builder that follow from the blobs.

    Args:
        blobs: A `Blobs`.
        network: The network it holds.

    Returns:
        A dict for `networks.build`: `network`, `input_channels`, `width`,
        `normalization` and `fov_blocks`.

    Raises:
        ValueError: If the first convolution takes other than 1 or 3 channels.
    """
    layers = set(blobs.layers())
    fov_blocks = 2 if "conv9_1" in layers else int("conv8_1" in layers)
    found = names.units_of(network, fov_blocks)
    normalization = "none"
    if any(unit.scale in layers for unit in found):
        normalization = "affine"
    elif any(unit.batch in layers for unit in found):
        normalization = "plain"
    return {
        "network": network,
        "input_channels": _input_channels(blobs, found[0].convolution),
        "width": _width(blobs, network),
        "normalization": normalization,
        "fov_blocks": fov_blocks,
    }


def find_head(blobs):
    """Finds the head of a colorizer.

    Args:
        blobs: A `Blobs`.

    Returns:
        A `Head`, or None if there is no layer of one.
    """
    layers = set(blobs.layers())
    if not layers.intersection(names.HEAD):
        return None
    # A name that is in the file, else that of the deployed network.
    hidden = _first(names.HIDDEN, layers)
    predictions = {ours: _first(n, layers) for ours, n in names.PREDICTIONS.items()}
    lab = {"prediction_ab": predictions.pop("prediction_ab")}
    if layers.intersection(lab.values()):
        predictions = lab
    count, inputs = _matrix(blobs, hidden)
    bins, inner = max(_matrix(blobs, name) for name in predictions.values())
    count = count or inner or _DEFAULT_HIDDEN
    return Head(hidden, inputs, count, bins or _DEFAULT_BINS, predictions)


def _matrix(blobs, layer):
    """Returns outputs and inputs of an inner product, 0 where they are not known."""
    return (*blobs.shapes.get(f"{layer}/0", ()), 0, 0)[:2]


def find_taps(taps, inputs):
    """Returns the taps of a hypercolumn of so many channels.

    Args:
        taps: Those of the network, `networks.taps`.
        inputs: Channels of the hypercolumn.

    Returns:
        All taps, all but the image, or only the last, which is no hypercolumn;
        None if none of these has so many channels.
    """
    layers = [tap for tap in taps if tap.layer not in _IMAGES]
    for chosen in (taps, layers, taps[-1:]):
        if sum(tap.channels for tap in chosen) == inputs:
            return tuple(chosen)
    return None


def image_channels(taps):
    """Returns how many channels of a hypercolumn are the image itself.

    Args:
        taps: Its taps.
    """
    return taps[0].channels if taps[0].layer in _IMAGES else 0


def input_convention(blobs, normalization):
    """Finds what a file's network subtracts from images in [0, 1].

    The released networks subtract 0.4488, like ours. The older deployed
    colorizer takes raw gray. It has other names in its head, and no batch
    normalization, which the networks for training have.

    Args:
        blobs: A `Blobs`.
        normalization: That of the network.

    Returns:
        A pair of the number and the reason.
    """
    deployed = {names.HIDDEN[-1], *(n[-1] for n in names.PREDICTIONS.values())}
    found = sorted(deployed.intersection(blobs.layers()))
    if found and normalization == "none":
        return 0.0, f"{found[0]} without batch normalization"
    return color.GRAY_MEAN, "the released networks' convention"


def _first(candidates, layers):
    return next((name for name in candidates if name in layers), candidates[-1])


def _input_channels(blobs, first):
    shape = blobs.shapes.get(f"{first}/0", ())
    channels = shape[1] if len(shape) == 4 else 1
    if channels not in (1, 3):
        raise ValueError(
            "The first convolution must have 1 input channel (gray) or 3 (BGR). "
            f"Received: {blobs.path}: {first}/0 {shape} with {channels}"
        )
    return channels


def _width(blobs, network):
    """Returns the width of all convolutions, or else of most of them.

    The others are reported later as blobs of another shape.
    """
    filters = networks.ARCHITECTURES[network].filters
    channels = {
        name: blobs.shapes[f"{name}/0"][0]
        for name in filters
        if blobs.shapes.get(f"{name}/0")
    }
    try:
        return description.find_width({n: filters[n] for n in channels}, channels)
    except ValueError:
        ratios = [channels[name] / filters[name] for name in channels]
        return statistics.mode([x for x in ratios if 0 < x <= 16] or [1.0])
