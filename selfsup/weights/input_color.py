"""Networks for gray images turned into networks for RGB, and back."""

import keras
import numpy as np

from selfsup import layers, networks
from selfsup.networks import units
from selfsup.weights import assignment, cloning

CONVOLUTIONS = (keras.layers.Conv2D, layers.BiasPaddedConv2D)


def gray_to_rgb(model):
    """Replicates the first kernel to three channels and divides it by three.

    The output for an RGB image is that of the gray network for the mean of R, G
    and B (paper section 4.1). Both take float32 in [0, 1] minus 0.4488.

    Args:
        model: A backbone of `selfsup.networks`; it is not changed.

    Returns:
        A new `keras.Model` with the input `rgb [B, H, W, 3]`; an equal copy if
        the model takes RGB already.

    Raises:
        ValueError: If the model has a head, or is not a network of this
            package.

    Example:

    >>> gray = networks.vgg16(width=0.02)
    >>> rgb = gray_to_rgb(gray)
    >>> rgb.input.shape
    (None, None, None, 3)
    >>> image = np.random.default_rng(0).random((1, 16, 16, 3), "float32") - 0.4488
    >>> np.allclose(rgb(image), gray(image.mean(-1, keepdims=True)), atol=1e-5)
    True
    """
    if _input_channels(model) == 3:
        return cloning.clone(model)
    values, first = assignment.arrays(model), _first_convolution(model)
    # [K, K, 1, filters]
    values[f"{first}/kernel"] = values[f"{first}/kernel"].repeat(3, axis=2) / 3
    inputs, _ = units.image_input(3)
    return cloning.clone(model, values, inputs=inputs)


def rgb_to_gray(model):
    """Sums the first kernel over the input channels.

    The output for a gray image is that of the RGB network for the image with
    three equal channels. Networks with imported weights that shift each channel
    differently (`rescaling`) differ at the border, and from there inwards as
    receptive fields grow: the RGB network pads with its mean color, the gray
    one with the mean of that.

    Args:
        model: A backbone of `selfsup.networks`; it is not changed.

    Returns:
        A new `keras.Model` with the input `gray [B, H, W, 1]`; an equal copy if
        the model takes gray already.

    Raises:
        ValueError: If the model has a head, or is not a network of this
            package.
    """
    if _input_channels(model) == 1:
        return cloning.clone(model)
    values, first = assignment.arrays(model), _first_convolution(model)
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
    return cloning.clone(model, values, settings=settings, inputs=inputs)


def _add_constant(model, values, convolution, constant):
    """Adds a constant to each filter's output, by the weights that follow it."""
    weighted = [layer.name for layer in model.layers if layer.weights]
    following = weighted[weighted.index(convolution) + 1]
    if f"{following}/moving_mean" in values:
        values[f"{following}/moving_mean"] -= np.float32(constant)
    else:
        values[f"{following}/bias"] += np.float32(constant)


def _input_channels(model):
    if any(isinstance(layer, keras.layers.Dense) for layer in model.layers):
        raise ValueError(
            "The model has a head. Expected a backbone; add the head afterwards. "
            f"Received: model={model.name!r}"
        )
    return networks.describe(model)["input_channels"]


def _first_convolution(model):
    return next(x.name for x in model.layers if isinstance(x, CONVOLUTIONS))
