"""Networks for gray images turned into networks for RGB, and back."""

import keras
import numpy as np

from selfsup import layers, networks
from selfsup.networks import units
from selfsup.weights import copies, transfer

_CONVOLUTIONS = (keras.layers.Conv2D, layers.BiasPaddedConv2D)


def gray_to_rgb(model):
    """Replicates the first kernel to three channels and divides it by three.

    Its output on an RGB image is that of the gray network on the mean of R, G
    and B (paper section 4.1); both take values in [0, 1] minus 0.4488.

    Args:
        model: A backbone, which stays as it is.

    Returns:
        A new `keras.Model` with the input `rgb [B, H, W, 3]`. Of a network for
        RGB it is an equal copy.

    Raises:
        ValueError: If the model has a head, or is none of our networks.
    """
    if _input_channels(model) == 3:
        return copies.copy(model)
    values, first = transfer.arrays(model), _first_convolution(model)
    # [K, K, 1, filters]
    values[f"{first}/kernel"] = values[f"{first}/kernel"].repeat(3, axis=2) / 3
    inputs, _ = units.image_input(3)
    return copies.copy(model, values, inputs=inputs)


def rgb_to_gray(model):
    """Sums the first kernel over the input channels.

    Its output on a gray image is that of the RGB network on the image with
    three equal channels. Imported weights that shift each channel by a number
    of its own (`rescaling`) differ at the border, and from there inwards as
    receptive fields grow: the RGB network pads with its mean colour, the gray
    one with the mean of that.

    Args:
        model: A backbone, which stays as it is.

    Returns:
        A new `keras.Model` with the input `gray [B, H, W, 1]`. Of a network for
        gray images it is an equal copy.

    Raises:
        ValueError: If the model has a head, or is none of our networks.
    """
    if _input_channels(model) == 1:
        return copies.copy(model)
    values, first = transfer.arrays(model), _first_convolution(model)
    # [K, K, 3, filters]
    kernel = np.float64(values[f"{first}/kernel"])
    settings = {}
    rescaling = networks.describe(model).get("rescaling")
    if rescaling is not None:
        scale, offset = (np.resize(np.float64(x), (3, 1)) for x in rescaling)
        mean_scale, mean_offset = float(scale.mean()), float(offset.mean())
        settings["rescaling"] = {"scale": mean_scale, "offset": mean_offset}
        constant = offset - scale * mean_offset / mean_scale
        _add_constant(model, values, first, (kernel * constant).sum(axis=(0, 1, 2)))
        kernel = kernel * (scale / mean_scale)
    values[f"{first}/kernel"] = np.float32(kernel.sum(axis=2, keepdims=True))
    inputs, _ = units.image_input(1)
    return copies.copy(model, values, settings=settings, inputs=inputs)


def _add_constant(model, values, convolution, constant):
    """Adds to each filter's output, as far as what follows sees it."""
    weighted = [layer.name for layer in model.layers if layer.weights]
    following = weighted[weighted.index(convolution) + 1]
    if f"{following}/moving_mean" in values:
        values[f"{following}/moving_mean"] -= np.float32(constant)
    else:
        values[f"{following}/bias"] += np.float32(constant)


def _input_channels(model):
    description = networks.describe(model)
    if any(isinstance(layer, keras.layers.Dense) for layer in model.layers):
        raise ValueError(
            "The input of a model with a head cannot be converted. Expected a "
            f"backbone; add the head afterwards. Received: model={model.name!r}"
        )
    return description["input_channels"]


def _first_convolution(model):
    return next(x.name for x in model.layers if isinstance(x, _CONVOLUTIONS))
