"""ImageNet weights of `keras.applications` in networks of this package.

Source: the files `*_weights_tf_dim_ordering_tf_kernels.h5` that Keras downloads.
Their networks take BGR in [0, 255] minus the mean color (the "caffe"
preprocessing). The converted networks compute the same function.
"""

import os
import pathlib
import re
from typing import NamedTuple

import h5py
import keras
import numpy as np

from selfsup import color, networks
from selfsup.networks import units
from selfsup.weights import assignment, memory

# Mean of R, G and B over ImageNet, in [0, 255], as in `preprocess_input`.
_MEAN_RGB = (123.68, 116.779, 103.939)

# From the inputs of this package, [0, 1] minus 0.4488, to those of these weights.
RESCALING = (255.0, tuple(255.0 * color.GRAY_MEAN - mean for mean in _MEAN_RGB))

_MODELS = {
    "vgg16": keras.applications.VGG16,
    "resnet50": keras.applications.ResNet50,
    "resnet152": keras.applications.ResNet152,
}
_FILE = "{}_weights_tf_dim_ordering_tf_kernels{}.h5"
_URL = "https://storage.googleapis.com/tensorflow/keras-applications"

# Names of the convolutions of a block: Caffe's, which we use, and Keras'.
_BRANCHES = {"1": "0", "2a": "1", "2b": "2", "2c": "3"}

# Epsilon of their batch normalization.
_EPSILON = 1.001e-5

# Layers that a network has, and one that only larger networks of its family have.
# ResNet V2 has no normalization after the first convolution.
_SIGNATURES = {
    "vgg16": ({"block5_conv3"}, "block5_conv4"),
    "resnet50": ({"conv1_bn", "conv4_block6_3_conv"}, "conv4_block7_3_conv"),
    "resnet152": ({"conv1_bn", "conv4_block36_3_conv"}, "conv4_block37_3_conv"),
}


def load(network, path=None):
    """Reads ImageNet weights from a file that Keras downloaded.

    Args:
        network: `"vgg16"`, `"resnet50"` or `"resnet152"`.
        path: The `.h5` file; None looks in Keras' cache, `~/.keras/models` or
            `models` in `KERAS_HOME`.

    Returns:
        A pair of the backbone, see `convert`, and a `Report`.

    Raises:
        FileNotFoundError: If there is no such file; the error says how to get
            it.
        ValueError: If Keras has no weights of the network, or the file holds
            another network, or lacks its fully connected layers.

    Example:

        model, report = applications.load("resnet50")
        gray = weights.rgb_to_gray(model)
    """
    if network not in _MODELS:
        raise ValueError(
            "Keras has no ImageNet weights of this network. Expected one of "
            f"{', '.join(_MODELS)}. Received: network={network!r}"
        )
    path = find(network) if path is None else pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            "The ImageNet weights are missing. Expected a file that Keras "
            f"downloaded. Received: {path}"
        )
    found, has_top = _look_into(path)
    if found != network:
        raise ValueError(
            "The file is of another network. Expected the ImageNet weights of "
            f"{network}. Received: {path} with those of {found}"
        )
    if network == "vgg16" and not has_top:
        _refuse_without_top(path)
    application = _MODELS[network](weights=None, include_top=has_top)
    try:
        application.load_weights(path)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            "The ImageNet weights cannot be read. Expected a whole file for "
            f"{network}. Received: {path} ({' '.join(str(error).split())})"
        ) from error
    return convert(application, origin=str(path))


def find(network):
    """Finds ImageNet weights in Keras' cache.

    Args:
        network: `"vgg16"`, `"resnet50"` or `"resnet152"`.

    Returns:
        The path of the file; for ResNet the one without the classifier
        suffices.

    Raises:
        FileNotFoundError: If there is none; the error says how to get it.
    """
    home = os.environ.get("KERAS_HOME", pathlib.Path("~", ".keras"))
    folder = pathlib.Path(home, "models").expanduser()
    file = folder / _FILE.format(network, "")
    without_top = folder / _FILE.format(network, "_notop")
    if not file.is_file() and network != "vgg16" and without_top.is_file():
        return without_top
    if not file.is_file():
        raise FileNotFoundError(
            f"The ImageNet weights of {network} are missing. Expected {file}; get "
            f"them with `curl --create-dirs -o {file} "
            f"{_URL}/{_folder(network)}/{file.name}`. Received: no such file"
        )
    return file


def _folder(network):
    """Returns the folder of the download."""
    return "resnet" if networks.ARCHITECTURES[network].residual else network


def recognize(path):
    """Returns the network whose ImageNet weights a file holds.

    Args:
        path: A `.h5` file.

    Raises:
        ValueError: If it holds none of these networks.
    """
    return _look_into(path)[0]


def convert(application, origin=None):
    """Converts a model of `keras.applications` to a network of this package.

    The new network computes the same function: the bias of convolutions goes
    into the mean of the batch normalization, the difference of epsilons into the
    variance, BGR becomes RGB, fully connected layers become convolutions, and
    the rescaling of the input is a layer.

    Args:
        application: A `VGG16` with its fully connected layers, a `ResNet50` or
            `ResNet152` of `keras.applications`.
        origin: What the weights came from, for the report.

    Returns:
        A pair of a backbone and a `Report`. The backbone takes `rgb
        [B, H, W, 3]`, float32 in [0, 1] minus 0.4488. VGG-16 has
        `normalization="none"`, ResNet has `"affine"`.

    Raises:
        ValueError: If it is another model, or a weight is not finite.
    """
    arrays = {
        name: memory.view(variable)
        for name, variable in assignment.parameters(application).items()
    }
    network = _network_of(
        {assignment.layer_of(name) for name in arrays}, application.name
    )
    vgg = network == "vgg16"
    if vgg and "fc1/kernel" not in arrays:
        _refuse_without_top(f"model {application.name!r}")
    _check_finite(arrays, origin or f"model {application.name!r}")
    model = networks.ARCHITECTURES[network].builder(
        input_channels=3,
        normalization="none" if vgg else "affine",
        kernel_initializer="zeros",
        rescaling=RESCALING,
        **({} if vgg else {"pool1": "symmetric"}),
    )
    found = _vgg16(arrays) if vgg else _resnet(network, arrays)
    first = found[0]
    found[0] = first._replace(value=first.value[:, :, ::-1], how="BGR to RGB")
    report = assignment.assign(
        model,
        {one.parameter: one.value for one in found},
        how={one.parameter: one.how for one in found},
        sources={one.parameter: one.source for one in found},
        origin=origin or f"model {application.name!r}",
    )
    return model, report


def _refuse_without_top(origin):
    raise ValueError(
        "The weights lack fc6 and fc7, which are part of the network here. Expected "
        f"those of {_FILE.format('vgg16', '')}. Received: {origin}"
    )


def _check_finite(arrays, origin):
    wrong = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if wrong:
        raise ValueError(
            "Weights are not finite. Expected finite numbers. "
            f"Received: {origin} with NaN or infinity in {', '.join(wrong)}"
        )


class _Assignment(NamedTuple):
    """The value of one parameter, its name in the application, and how it was made."""

    parameter: str
    source: str
    value: np.ndarray
    how: str = "copied"


def _vgg16(arrays):
    found = []
    for ours in networks.ARCHITECTURES["vgg16"].filters:
        theirs = ours.replace("fc6", "fc1").replace("fc7", "fc2")
        theirs = re.sub(r"conv(\d)_", r"block\1_conv", theirs)
        kernel, how = arrays[f"{theirs}/kernel"], "copied"
        if kernel.ndim == 2:
            size = 7 if ours == "fc6" else 1
            kernel = kernel.reshape(size, size, -1, kernel.shape[-1])
            how = "dense to convolution"
        _, bias, _ = units.sequential_names(ours)
        found += [
            _Assignment(f"{ours}/kernel", f"{theirs}/kernel", kernel, how),
            *_bias(bias, f"{theirs}/bias", arrays),
        ]
    return found


def _resnet(network, arrays):
    found, numbers = [], {}
    for ours in networks.ARCHITECTURES[network].filters:
        if ours == "conv1":
            theirs, suffix = "conv1", "_conv1"
        else:
            block, branch = ours.removeprefix("res").split("_branch")
            # Keras numbers the blocks of each stage from 1.
            first = 1 + sum(other[0] == block[0] for other in numbers)
            number = numbers.setdefault(block, first)
            theirs = f"conv{block[0]}_block{number}_{_BRANCHES[branch]}"
            suffix = ours.removeprefix("res")
        found += _resnet_unit(ours, suffix, f"{theirs}_conv", f"{theirs}_bn", arrays)
    return found


def _resnet_unit(ours, suffix, conv, norm, arrays):
    mean, variance = f"{norm}/moving_mean", f"{norm}/moving_variance"
    return [
        _Assignment(f"{ours}/kernel", f"{conv}/kernel", arrays[f"{conv}/kernel"]),
        _Assignment(f"bn{suffix}/gamma", f"{norm}/gamma", arrays[f"{norm}/gamma"]),
        _Assignment(
            f"bn{suffix}/moving_mean",
            mean,
            arrays[mean] - arrays[f"{conv}/bias"],
            "minus the convolution's bias",
        ),
        _Assignment(
            f"bn{suffix}/moving_variance",
            variance,
            arrays[variance] + np.float32(_EPSILON - units.EPSILON),
            "plus the difference of epsilons",
        ),
        *_bias(f"bias{suffix}", f"{norm}/beta", arrays),
    ]


def _bias(bias, source, arrays):
    value = arrays[source]
    return [
        _Assignment(f"{bias}/bias", source, value),
        _Assignment(f"{bias}/shift", "none", np.zeros_like(value), "0"),
    ]


def _look_into(path):
    """Returns the network of a file, and whether it has the classifier."""
    try:
        with h5py.File(path) as file:
            names = {
                name.decode() if isinstance(name, bytes) else name
                for name in file.attrs.get("layer_names", ())
            }
    except OSError as error:
        raise ValueError(
            "The ImageNet weights cannot be read: the file is truncated or not HDF5. "
            f"Expected a file that Keras downloaded. Received: {path} ({error})"
        ) from error
    return _network_of(names, path), "predictions" in names


def _network_of(layers, origin):
    for network, (present, absent) in _SIGNATURES.items():
        if present <= layers and absent not in layers:
            return network
    raise ValueError(
        "The network of the weights cannot be imported. Expected the weights of "
        f"`keras.applications` for {', '.join(_SIGNATURES)}. Received: {origin}"
    )
