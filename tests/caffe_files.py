"""Caffe's weight files, and what Caffe computes with them, in NumPy alone.

Everything is written from the layout and Caffe's definitions of its layers, not
from the package: blobs are OIHW, images `[C, H, W]` with blue first.
"""

import math

import h5py
import numpy as np

VGG16 = [
    (f"conv{i}_{j}", 64 * 2 ** min(i - 1, 3), 3)
    for i, count in enumerate((2, 2, 3, 3, 3), 1)
    for j in range(1, count + 1)
] + [("fc6", 4096, 7), ("fc7", 4096, 1)]
# name, filters, kernel size, groups
ALEXNET = [
    ("conv1", 96, 11, 1),
    ("conv2", 256, 5, 2),
    ("conv3", 384, 3, 1),
    ("conv4", 384, 3, 2),
    ("conv5", 256, 3, 2),
    ("fc6", 4096, 6, 1),
    ("fc7", 4096, 1, 1),
]
RESNET50 = [
    (f"{stage}{letter}", 64 * 2 ** (stage - 2))
    for stage, letters in ((2, "abc"), (3, "abcd"), (4, "abcdef"), (5, "abc"))
    for letter in letters
]

RESNET152 = [
    (block, 64 * 2**index)
    for index, blocks in enumerate(
        (
            ("2a", "2b", "2c"),
            ("3a", *(f"3b{i}" for i in range(1, 8))),
            ("4a", *(f"4b{i}" for i in range(1, 36))),
            ("5a", "5b", "5c"),
        )
    )
    for block in blocks
]


def write(path, layers, empty=(), diff=False):
    """Writes `/data/<layer>/<k>`, empty groups, and gradients where asked to."""
    with h5py.File(path, "w") as file:
        for name, blobs in layers.items():
            for index, blob in enumerate(blobs):
                blob = np.asarray(blob, np.float32)
                file.create_dataset(f"data/{name}/{index}", data=blob)
                if diff:
                    file.create_dataset(f"diff/{name}/{index}", data=blob * 0 + 7)
        for name in empty:
            file.create_group(f"data/{name}")
    return path


def _kernel(rng, *shape):
    """Keeps the size of the activations, as He's initializer does."""
    return rng.normal(0, math.sqrt(2 / np.prod(shape[1:])), shape)


def _bias(rng, count):
    return rng.normal(0, 0.3, count)


def _norm(rng, count):
    """Sums of mean and variance, and the factor, another one in each layer."""
    factor = rng.uniform(200, 1000)
    mean, variance = rng.normal(0, 0.5, count), rng.uniform(0.3, 2, count)
    return [mean * factor, variance * factor, np.array([factor])]


def _scale(rng, count):
    return [rng.uniform(0.5, 1.5, count), _bias(rng, count)]


def vgg16(divisor=16, channels=1, norm=True, scale=False, matrices=True, seed=0):
    """Makes blobs of VGG-16 with its channels divided; fc6 and fc7 may be 2-D."""
    rng, layers, inputs = np.random.default_rng(seed), {}, channels
    for name, filters, size in VGG16:
        filters //= divisor
        kernel = _kernel(rng, filters, inputs, size, size)
        if matrices and name.startswith("fc"):
            kernel = kernel.reshape(filters, -1)
        layers[name] = [kernel, _bias(rng, filters)]
        if norm:
            layers[f"batch_{name}"] = _norm(rng, filters)
        if scale:
            layers[f"scale_{name}"] = _scale(rng, filters)
        inputs = filters
    return layers


def alexnet(divisor=16, channels=1, norm=True, seed=0):
    """Makes blobs of AlexNet: groups in conv2, conv4 and conv5, matrices in fc6."""
    rng, layers, inputs = np.random.default_rng(seed), {}, channels
    for name, filters, size, groups in ALEXNET:
        filters //= divisor
        kernel = _kernel(rng, filters, inputs // groups, size, size)
        if name.startswith("fc"):
            kernel = kernel.reshape(filters, -1)
        layers[name] = [kernel, _bias(rng, filters)]
        if norm:
            layers[f"batch_{name}"] = _norm(rng, filters)
        inputs = filters
    return layers


def resnet(blocks=RESNET50, divisor=16, channels=1, scale=True, seed=0):
    """Makes blobs of a ResNet: convolutions without bias."""
    rng, layers, inputs = np.random.default_rng(seed), {}, channels

    def add(conv, suffix, filters, inputs, size):
        layers[conv] = [_kernel(rng, filters, inputs, size, size)]
        layers[f"bn{suffix}"] = _norm(rng, filters)
        if scale:
            layers[f"scale{suffix}"] = _scale(rng, filters)
        return filters

    inputs = add("conv1", "_conv1", 64 // divisor, inputs, 7)
    for block, filters in blocks:
        filters //= divisor
        if block.endswith("a"):
            name = f"{block}_branch1"
            add(f"res{name}", name, 4 * filters, inputs, 1)
        for branch, count, size in (
            ("2a", filters, 1),
            ("2b", filters, 3),
            ("2c", 4 * filters, 1),
        ):
            name = f"{block}_branch{branch}"
            inputs = add(f"res{name}", name, count, inputs, size)
    return layers


def head(inputs, hidden=20, bins=8, names=None, square=False, seed=1):
    """Makes blobs of a colorizer's head; `square` ones are 1x1 convolutions."""
    rng = np.random.default_rng(seed)
    names = names or ("colorize_fc1", "prediction_h4", "prediction_c4")
    layers = {}
    for name, count, width in zip(
        names, (hidden, bins, bins), (inputs, hidden, hidden), strict=True
    ):
        kernel = _kernel(rng, count, width, *((1, 1) if square else ()))
        layers[name] = [kernel, _bias(rng, count)]
    return layers


def conv(x, weight, bias=None, stride=1, pad=0, groups=1):
    """Correlates `[C, H, W]` with OIHW, each group of filters with its channels."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    size, outputs = weight.shape[-1], []
    for part, filters in zip(
        np.split(x, groups), np.split(weight, groups), strict=True
    ):
        windows = np.lib.stride_tricks.sliding_window_view(part, (size, size), (1, 2))
        windows = windows[:, ::stride, ::stride]
        outputs.append(np.tensordot(filters, windows, ((1, 2, 3), (0, 3, 4))))
    y = np.concatenate(outputs)
    return y if bias is None else y + bias[:, None, None]


def pool(x, size, stride):
    """Takes maxima of windows; the last ones may reach beyond the map."""
    rows, columns = (max(0, -(-(n - size) // stride)) + 1 for n in x.shape[1:])
    y = np.empty((len(x), rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = x[
                :, i * stride : i * stride + size, j * stride : j * stride + size
            ]
            y[:, i, j] = window.max(axis=(1, 2))
    return y


def lrn(x, size=5, alpha=1e-4, beta=0.75):
    """Normalizes across channels."""
    y = np.empty_like(x)
    for c in range(len(x)):
        near = x[max(0, c - size // 2) : c + size // 2 + 1]
        y[c] = x[c] / (1 + alpha / size * (near**2).sum(axis=0)) ** beta
    return y


def norm(x, layers, batch, scale):
    """Applies `BatchNorm` and `Scale` layers, where the file has them."""
    if batch in layers:
        mean, variance, factor = layers[batch]
        factor = 0 if factor[0] == 0 else 1 / factor[0]
        deviation = np.sqrt(variance * factor + 1e-5)
        x = (x - (mean * factor)[:, None, None]) / deviation[:, None, None]
    if scale in layers:
        gamma, beta = layers[scale]
        x = x * gamma[:, None, None] + beta[:, None, None]
    return x


def relu(x):
    return np.maximum(x, 0)


def _blobs(layers, name):
    return (*layers[name], None)[:2]


def run_vgg16(layers, image):
    """Returns the activations of each layer, after the ReLU, by name."""
    x, found = np.float64(image), {"data": np.float64(image)}
    for name, _, size in VGG16:
        if name.endswith("_1") and name != "conv1_1" or name == "fc6":
            x = pool(x, 2, 2)
        weight, bias = _blobs(layers, name)
        weight = weight.reshape(len(weight), len(x), size, size)
        x = conv(x, weight, bias, pad=size // 2)
        x = found[name] = relu(norm(x, layers, f"batch_{name}", f"scale_{name}"))
    return found


def run_alexnet(layers, image, normalized=True):
    """Returns the activations of each layer; fc6 is a product with all of pool5."""
    x, found = np.float64(image), {}
    for name, _, size, groups in ALEXNET:
        weight, bias = _blobs(layers, name)
        if name.startswith("fc"):
            x = (weight.reshape(len(weight), -1) @ x.ravel() + bias)[:, None, None]
        else:
            stride, pad = (4, 0) if name == "conv1" else (1, size // 2)
            x = conv(x, weight, bias, stride, pad, groups)
        x = found[name] = relu(norm(x, layers, f"batch_{name}", f"scale_{name}"))
        if name in ("conv1", "conv2"):
            x = lrn(x) if normalized else x
        if name in ("conv1", "conv2", "conv5"):
            x = pool(x, 3, 2)
    return found


def run_resnet(layers, image):
    """Returns the activations after conv1 and after each block."""

    def unit(x, conv_name, suffix, stride=1):
        weight, bias = _blobs(layers, conv_name)
        x = conv(x, weight, bias, stride, weight.shape[-1] // 2)
        return norm(x, layers, f"bn{suffix}", f"scale{suffix}")

    x = relu(unit(np.float64(image), "conv1", "_conv1", 2))
    found = {"conv1": x}
    x = pool(x, 3, 2)
    blocks = [x[3:-9] for x in layers if x.endswith("_branch2a") and x[:3] == "res"]
    for block in blocks:
        stride, shortcut = 1, x
        if block.endswith("a"):
            stride = 1 if block == "2a" else 2
            name = f"{block}_branch1"
            shortcut = unit(x, f"res{name}", name, stride)
        for branch in ("2a", "2b", "2c"):
            name = f"{block}_branch{branch}"
            x = unit(x, f"res{name}", name, stride if branch == "2a" else 1)
            x = x if branch == "2c" else relu(x)
        x = found[f"res{block}"] = relu(x + shortcut)
    return found


def read_at(x, point, stride):
    """Reads `[C, H, W]` bilinearly where a pixel of the image lies in it."""
    value = np.zeros(len(x))
    positions = [
        min(max((p - (stride - 1) / 2) / stride, 0.0), n - 1.0)
        for p, n in zip(point, x.shape[1:], strict=True)
    ]
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            down, across = abs(i - positions[0]), abs(j - positions[1])
            if down < 1 and across < 1:
                value += (1 - down) * (1 - across) * x[:, i, j]
    return value


def run_head(layers, activations, points, names, image=True):
    """Returns the outputs of the last two layers `[P, K]` at points (y, x)."""
    taps = [("data", 1)] if image else []
    for name, *_ in VGG16:
        stride = 32 if name.startswith("fc") else 2 ** (int(name[4]) - 1)
        taps.append((name, stride))
    columns = np.array(
        [
            np.concatenate([read_at(activations[name], p, s) for name, s in taps])
            for p in points
        ]
    )

    def inner(x, name):
        weight, bias = layers[name]
        return x @ weight.reshape(len(weight), -1).T + bias

    hidden = relu(inner(columns, names[0]))
    return [inner(hidden, name) for name in names[1:]]
