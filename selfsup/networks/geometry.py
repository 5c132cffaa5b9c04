"""Where the pixels of each feature map lie in the image, and the taps."""

import dataclasses
from typing import NamedTuple

import keras

from selfsup import layers


class Tap(NamedTuple):
    """A feature map that the hypercolumn reads.

    Pixel `(i, j)` of the map is centered at `(offset + stride * i,
    offset + stride * j)` of the image, counted from the center of its first
    pixel.

    Attributes:
        layer: Name of the layer whose output it is.
        stride: Image pixels from one pixel of the map to the next.
        offset: Image coordinate of the map's first pixel.
        channels: Number of channels.
    """

    layer: str
    stride: int
    offset: float
    channels: int


@dataclasses.dataclass(frozen=True)
class _Grid:
    stride: int = 1
    offset: float = 0.0
    field: int = 1

    def window(self, kernel_size, stride=1, pad=0):
        """Returns the grid after a window slid over this one."""
        center = (kernel_size - 1) / 2 - pad
        return _Grid(
            self.stride * stride,
            self.offset + self.stride * center,
            self.field + self.stride * (kernel_size - 1),
        )


def grids(model):
    """Computes the stride, offset and receptive field of every layer's output.

    Args:
        model: A functional model whose layers keep, convolve, pad or pool the
            image. All windows are square.

    Returns:
        A dict from layer name to an object with `stride` and `offset` as in `Tap`, and
        `field`: the side of the square of image pixels, around the center of its own,
        that a pixel of the output depends on.
    """
    by_tensor, by_layer = {}, {}
    # Operations, not layers: `x + y` and `ops.relu(x)` are none of the layers.
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            grid = _Grid()
        else:
            # The first input is the image; others are borders or the second
            # branch of a sum, whose grid is the same but for what it sees.
            tensors = keras.tree.flatten(operation.input)
            first, *others = (by_tensor[id(tensor)] for tensor in tensors)
            field = max([first.field, *(other.field for other in others)])
            grid = _after(operation, dataclasses.replace(first, field=field))
        by_layer[operation.name] = grid
        for tensor in keras.tree.flatten(operation.output):
            by_tensor[id(tensor)] = grid
    return by_layer


def _after(layer, grid):
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return grid.window(1, pad=layer.padding[0][0])
    if isinstance(layer, layers.BiasPaddedConv2D):
        size = 1 + (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        return grid.window(size, layer.strides[0], layer.padding[0][0])
    if isinstance(layer, keras.layers.Conv2D):
        size = 1 + (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        pad = (size - 1) // 2 if layer.padding == "same" else 0
        return grid.window(size, layer.strides[0], pad)
    if isinstance(layer, layers.CeilMaxPooling2D):
        return grid.window(layer.pool_size, layer.strides, layer.padding)
    if isinstance(layer, keras.layers.MaxPooling2D):
        return grid.window(layer.pool_size[0], layer.strides[0])
    return grid
