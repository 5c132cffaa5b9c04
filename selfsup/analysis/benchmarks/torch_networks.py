"""The colorizer in PyTorch: VGG-16 with hypercolumns, ResNet-152 without.

Parameters have the names of our layers, so that weights can be copied over.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

_STAGES = (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)
_BLOCKS = 3, 8, 36, 3

# From this stride on maps are read in single precision, as ours are.
_COARSE_STRIDE = 8


class Unit(nn.Module):
    """Convolution, normalization without scale, bias and, unless told not to, ReLU.

    Args:
        inputs: Channels of the input.
        filters: Channels of the output.
        kernel_size: Height and width of the kernel.
        stride: Stride in pixels.
        relu: Whether the unit ends in a ReLU.
    """

    def __init__(self, inputs, filters, kernel_size, stride=1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, filters, kernel_size, stride, kernel_size // 2, bias=False
        )
        _lecun_uniform(self.conv.weight)
        # Without parameters: it takes the bias as its offset, in one pass.
        self.norm = nn.BatchNorm2d(filters, eps=1e-5, momentum=0.001, affine=False)
        self.bias = nn.Parameter(torch.zeros(filters))
        self.relu = relu

    def forward(self, x):
        norm = self.norm
        x = F.batch_norm(
            self.conv(x),
            norm.running_mean,
            norm.running_var,
            bias=self.bias,
            training=True,
            momentum=norm.momentum,
            eps=norm.eps,
        )
        return F.relu(x) if self.relu else x


class Vgg16(nn.Module):
    """VGG-16, fully convolutional, of gray images.

    Args:
        width: Factor on every number of channels.
        dropout: Rate after fc6 and fc7.
    """

    def __init__(self, width, dropout):
        super().__init__()
        self.dropout = dropout
        self.units, self.channels, self.places = nn.ModuleDict(), [1], [(1, 0.0)]
        layers = [
            (f"conv{i}_{j}", filters, 3, 2 ** (i - 1))
            for i, stage in enumerate(_STAGES, 1)
            for j, filters in enumerate(stage, 1)
        ]
        layers += [("fc6", 4096, 7, 32), ("fc7", 4096, 1, 32)]
        for name, filters, kernel_size, stride in layers:
            filters = _scaled(filters, width)
            self.units[name] = Unit(self.channels[-1], filters, kernel_size)
            self.channels.append(filters)
            self.places.append((stride, (stride - 1) / 2))

    def forward(self, x):
        taps, units = [x], iter(self.units.values())
        for stage in _STAGES:
            for _ in stage:
                x = next(units)(x)
                taps.append(x)
            x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        for unit in units:
            x = F.dropout(unit(x), self.dropout)
            taps.append(x)
        return taps


class Resnet152(nn.Module):
    """ResNet-152 of gray images with the strides and the pooling of Caffe.

    It differs from torchvision's in these: the first convolution of a block has the
    stride, pooling does not pad, normalization has no scale. Only the last map is
    a tap.

    Args:
        width: Factor on every number of channels.
    """

    def __init__(self, width):
        super().__init__()
        channels = _scaled(64, width)
        self.units = nn.ModuleDict({"conv1": Unit(1, channels, 7, 2)})
        self.blocks = []
        for stage, count in enumerate(_BLOCKS):
            narrow, wide = (_scaled(n * 64 * 2**stage, width) for n in (1, 4))
            for index, name in enumerate(_block_names(stage + 2, count)):
                stride = 2 if index == 0 and stage > 0 else 1
                branches = {
                    "2a": Unit(channels, narrow, 1, stride),
                    "2b": Unit(narrow, narrow, 3),
                    "2c": Unit(narrow, wide, 1, relu=False),
                }
                if index == 0:
                    branches["1"] = Unit(channels, wide, 1, stride, relu=False)
                for branch, unit in branches.items():
                    self.units[f"res{name}_branch{branch}"] = unit
                self.blocks.append(name)
                channels = wide
        self.channels, self.places = [channels], [(32, 2.0)]

    def forward(self, x):
        units = self.units
        x = F.max_pool2d(units["conv1"](x), 3, 2, ceil_mode=True)
        for block in self.blocks:
            name = f"res{block}_branch"
            shortcut = units[name + "1"](x) if name + "1" in units else x
            for branch in ("2a", "2b", "2c"):
                x = units[name + branch](x)
            x = F.relu(shortcut + x)
        return [x]


class Colorizer(nn.Module):
    """A network and its head, read at points.

    Args:
        network: `"vgg16"` or `"resnet152"`.
        hypercolumn: Whether all taps are read or only the last one.
        width: Factor on the network's channels.
        hidden: Units of the hidden layer.
        dropout: Rate in the network and after the hidden layer.
        bins: Bins of each histogram.

    Raises:
        ValueError: If there is no such network.
    """

    def __init__(self, network, hypercolumn, width, hidden, dropout, bins=32):
        super().__init__()
        if network == "vgg16":
            self.network = Vgg16(width, dropout)
        elif network == "resnet152" and not hypercolumn:
            self.network = Resnet152(width)
        else:
            raise ValueError(
                "In PyTorch there are two networks. Expected vgg16, or resnet152 "
                f"without hypercolumn. Received: {network}, hypercolumn={hypercolumn}"
            )
        self.taps = slice(None if hypercolumn else -1, None)
        self.dropout = dropout
        columns = sum(self.network.channels[self.taps])
        self.h_fc1 = nn.Linear(columns, hidden)
        self.prediction_h = nn.Linear(hidden, bins)
        self.prediction_c = nn.Linear(hidden, bins)
        nn.init.normal_(self.h_fc1.weight, std=1e-4)
        _lecun_uniform(self.prediction_h.weight)
        _lecun_uniform(self.prediction_c.weight)
        for layer in (self.h_fc1, self.prediction_h, self.prediction_c):
            nn.init.zeros_(layer.bias)

    def forward(self, gray, points):
        places = self.network.places[self.taps]
        columns = [
            read(tap, points, *place)
            for tap, place in zip(self.network(gray)[self.taps], places, strict=True)
        ]
        x = torch.cat(columns, -1).to(self.h_fc1.weight.dtype)
        x = F.dropout(F.relu(self.h_fc1(x)), self.dropout)
        with torch.autocast(gray.device.type, enabled=False):
            # In single precision, as ours.
            x = x.to(self.prediction_h.weight.dtype)
            return {"hue": self.prediction_h(x), "chroma": self.prediction_c(x)}

    def named_weights(self):
        """Returns the kernels and biases by the names of our layers.

        Returns:
            Dict from a layer with a kernel to a pair: its parameters `weight` and
            `bias`. The bias of a convolution is that of its unit.
        """
        units = self.network.units.items()
        found = {name: (unit.conv.weight, unit.bias) for name, unit in units}
        for name in ("h_fc1", "prediction_h", "prediction_c"):
            layer = getattr(self, name)
            found[name] = layer.weight, layer.bias
        return found


def read(x, points, stride, offset):
    """Reads a map at points of the image bilinearly.

    Args:
        x: `[B, C, H, W]`.
        points: `[B, P, 2]`, float32, (y, x) in pixels of the image.
        stride: The map's stride.
        offset: Pixel of the image at which its first pixel is centered.

    Returns:
        `[B, P, C]`, float32.
    """
    batch, channels, height, width = x.shape
    last = torch.tensor([height - 1, width - 1], device=x.device, dtype=torch.float32)
    place = torch.minimum(((points - offset) / stride).clamp(min=0), last)
    low = place.floor()
    high = torch.minimum(low + 1, last)
    down, across = (place - low).split(1, -1)
    (top, left), (bottom, right) = low.long().unbind(-1), high.long().unbind(-1)
    if stride >= _COARSE_STRIDE:
        x = x.float()
    pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
    image = torch.arange(batch, device=x.device)[:, None] * height

    def value(row, column):
        index = ((image + row) * width + column).flatten()
        return pixels.index_select(0, index).view(batch, -1, channels).float()

    return (
        value(top, left) * (1 - down) * (1 - across)
        + value(top, right) * (1 - down) * across
        + value(bottom, left) * down * (1 - across)
        + value(bottom, right) * down * across
    )


def _scaled(filters, width):
    return 2 * max(1, round(filters * width / 2))


def _block_names(stage, count):
    if count > 3:
        return [f"{stage}a", *(f"{stage}b{i}" for i in range(1, count))]
    return [f"{stage}{letter}" for letter in "abc"[:count]]


def _lecun_uniform(weight):
    bound = math.sqrt(3 / weight[0].numel())
    nn.init.uniform_(weight, -bound, bound)
