"""Floating point operations of a training step, counted from the layers."""

import math
from typing import NamedTuple

import keras

from selfsup import layers

_CONVOLUTIONS = keras.layers.Conv2D, layers.BiasPaddedConv2D


class Product(NamedTuple):
    """A convolution or dense layer.

    Attributes:
        layer: Its name.
        macs: Multiplications with addition of one image, forward.
        first: Whether it reads the image, which needs no gradient.
    """

    layer: str
    macs: int
    first: bool


def products(model, crop_size, points):
    """Lists the convolutions and dense layers of a colorizer.

    Args:
        model: A model of `heads.colorizer`.
        crop_size: Height and width of the images.
        points: Points an image.

    Returns:
        A list of `Product`.
    """
    counted = [
        layer
        for layer in model.layers
        if isinstance(layer, (*_CONVOLUTIONS, keras.layers.Dense))
    ]
    outputs = keras.Model(model.inputs, [layer.output for layer in counted])
    # Calling it with symbols of a known size computes shapes and nothing else.
    image, places = model.inputs
    shapes = {
        image.name: keras.KerasTensor((1, crop_size, crop_size, image.shape[-1])),
        places.name: keras.KerasTensor((1, points, 2)),
    }
    found = keras.tree.flatten(outputs([shapes[x.name] for x in model.inputs]))
    return [
        Product(
            layer.name,
            math.prod(layer.kernel.shape) * math.prod(output.shape[1:-1]),
            isinstance(layer, _CONVOLUTIONS) and layer is counted[0],
        )
        for layer, output in zip(counted, found, strict=True)
    ]


def of_step(model, crop_size, points):
    """Counts the operations of a training step of one image.

    A multiplication with addition is two. The gradients by the kernel and by the
    input take as many as the layer itself; the first layer needs no gradient by its
    input. Normalization, pooling and the optimizer do not count.

    Args:
        model: A model of `heads.colorizer`.
        crop_size: Height and width of the images.
        points: Points an image.

    Returns:
        Their number.
    """
    found = products(model, crop_size, points)
    return sum(2 * (2 if product.first else 3) * product.macs for product in found)


def of_forward(model, crop_size, points):
    """Counts the operations of predicting one image, as `of_step` does."""
    return sum(2 * product.macs for product in products(model, crop_size, points))
