"""Networks for gray images turned into networks for RGB, and back."""

import keras

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
    return _convert(model, 3, lambda kernel: kernel.repeat(3, axis=2) / 3)


def rgb_to_gray(model):
    """Sums the first kernel over the input channels.

    Its output on a gray image is that of the RGB network on the image with
    three equal channels.

    Args:
        model: A backbone, which stays as it is.

    Returns:
        A new `keras.Model` with the input `gray [B, H, W, 1]`. Of a network for
        gray images it is an equal copy.

    Raises:
        ValueError: If the model has a head, or is none of our networks.
    """
    return _convert(model, 1, lambda kernel: kernel.sum(axis=2, keepdims=True))


def _convert(model, channels, convert):
    description = networks.describe(model)
    if any(isinstance(layer, keras.layers.Dense) for layer in model.layers):
        raise ValueError(
            "The input of a model with a head cannot be converted. Expected a "
            f"backbone; add the head afterwards. Received: model={model.name!r}"
        )
    if description["input_channels"] == channels:
        return copies.copy(model)
    values = transfer.arrays(model)
    first = next(x.name for x in model.layers if isinstance(x, _CONVOLUTIONS))
    # [K, K, 1 or 3, filters]
    values[f"{first}/kernel"] = convert(values[f"{first}/kernel"])
    return copies.copy(model, values, inputs=units.image_input(channels))
