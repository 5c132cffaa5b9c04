"""The arguments that a network was built with, read off its layers."""

import keras

from selfsup import layers
from selfsup.networks import units
from selfsup.networks.registry import ARCHITECTURES, recognize

# How each option of a builder is read off the layers, a dict by name.
_OPTIONS = {
    "pool1": lambda found: "symmetric" if "pool1_pad" in found else "caffe",
    "lrn": lambda found: "norm1" in found,
    "fc6_padding": lambda found: "same" if _is_padded(found["fc6"]) else "valid",
    # Both rates are the same unless someone changed a layer. A layer made with a rate
    # of 0 could not be given another one, but the other way round it can.
    "dropout": lambda found: max(found[name].rate for name in ("drop6", "drop7")),
}

# Denominators of widths: first those that people choose. The last is more than
# any set of channels needs: they leave an interval of at least 1 / 12,288.
_DENOMINATORS = (1, 10, 100, 8, 16, 32, 64, *range(2, 2**15))


def describe(model):
    """Finds the arguments that build a network of the same architecture.

    They are read off the layers, so models that were loaded from a file or
    extended by a head are described too, the head left out. Channels are
    rounded, so several widths make the same network; of these, one with few
    digits is returned. How the kernels were initialized is not described.

    Args:
        model: A model made by one of the builders of `selfsup.networks`.

    Returns:
        A dict for `build`, of plain values that JSON can hold: `network`,
        `input_channels`, `width`, `padding`, `normalization`, `fov_blocks` and
        `bn_momentum`; the network's own `options`; `rescaling` if the weights
        were imported with one. Without normalization `bn_momentum` is the default.

    Raises:
        ValueError: If the model is none of the networks, or no width gives its
            numbers of channels.

    Example:

    >>> describe(vgg16(width=0.05, fov_blocks=1))["width"]
    0.05
    """
    network = ARCHITECTURES[recognize(model)]
    found = {layer.name: layer for layer in model.layers}
    filters = {**network.filters, **units.FOV_FILTERS}
    channels = {name: found[name].filters for name in filters if name in found}
    # The first batch normalization stands for all of them.
    normalization = found.get(network.names_after(next(iter(filters)))[0])
    description = {
        "network": network.name,
        "input_channels": 1 if "gray" in found else 3,
        "width": find_width({name: filters[name] for name in channels}, channels),
        "padding": "bias" if any(map(_has_border, model.layers)) else "zeros",
        "normalization": "none"
        if normalization is None
        else ("affine" if normalization.scale else "plain"),
        "fov_blocks": sum(name in found for name in units.FOV_FILTERS),
        "bn_momentum": units.Units.bn_momentum
        if normalization is None
        else normalization.momentum,
    }
    if "rescaling" in found:
        layer = found["rescaling"]
        description["rescaling"] = [_flat(layer.scale), layer.offset]
    return {**description, **{x: _OPTIONS[x](found) for x in network.options}}


def _flat(scale):
    """Returns a number, or the list of one for each channel, without brackets."""
    while isinstance(scale, list) and isinstance(scale[0], list):
        scale = scale[0]
    return scale


def build(description):
    """Builds the network of a description, with fresh weights.

    Args:
        description: What `describe` returned: `network`, a key of `ARCHITECTURES`,
            and any arguments of that builder.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If the network is unknown or an argument out of its range.
        TypeError: If the builder has no such argument.
    """
    arguments = dict(description)
    network = arguments.pop("network", None)
    units.check_choice("network", network, tuple(ARCHITECTURES))
    return ARCHITECTURES[network].builder(**arguments)


def find_width(filters, channels):
    """Finds a width that gives every convolution its number of channels.

    Args:
        filters: Dict from name to the filters at width 1.
        channels: Dict from name to the channels that the convolution has.

    Returns:
        A float: of at most two decimals or a multiple of 1/64 where possible,
        else a fraction of small numbers.

    Raises:
        ValueError: If there is none.
    """
    pairs = {(filters[name], channels[name]) for name in filters}
    for denominator in _DENOMINATORS:
        # channels = 2 * max(1, round(filters * width / 2)), so the width lies
        # within (channels -+ 1) / filters; the rounding decides about the ends.
        least = [-((1 - n) * denominator // count) for count, n in pairs if n > 2]
        most = min((n + 1) * denominator // count for count, n in pairs)
        first = max([1, *least])
        for numerator in range(first, min(most, first + 1) + 1):
            width = numerator / denominator
            if _gives(width, pairs):
                return width
    raise ValueError(
        "Argument `model` has numbers of channels that no width gives. Expected "
        "the channels of one of the builders. "
        f"Received: {', '.join(f'{k}: {n}' for k, n in channels.items())}"
    )


def _gives(width, pairs):
    unit = units.Units(width)
    return all(unit.channels(count) == channels for count, channels in pairs)


def _has_border(layer):
    # With zero padding too, grouped convolutions are of this class.
    return (
        isinstance(layer, layers.BiasPaddedConv2D)
        and len(keras.tree.flatten(layer.input)) == 2
    )


def _is_padded(layer):
    if isinstance(layer, layers.BiasPaddedConv2D):
        return any(map(sum, layer.padding))
    return layer.padding == "same"
