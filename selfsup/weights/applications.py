"""ImageNet weights of `keras.applications` in networks of this package.

Source: the files `*_weights_tf_dim_ordering_tf_kernels.h5` that Keras downloads.
Their networks take BGR in [0, 255] minus the mean color (the "caffe"
preprocessing). The converted networks compute the same function.
"""

import os
import pathlib
import re
from typing import NamedTuple

import keras
import numpy as np

from selfsup import color, networks
from selfsup.networks import units
from selfsup.weights import assignment, hdf5, memory

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
    "vgg16": ({"block5_conv3", "fc1", "fc2"}, "block5_conv4"),
    "resnet50": ({"conv1_bn", "conv4_block6_3_conv"}, "conv4_block7_3_conv"),
    "resnet152": ({"conv1_bn", "conv4_block36_3_conv"}, "conv4_block37_3_conv"),
}


def load(network=None, path=None):
    """Reads ImageNet weights from a file that Keras downloaded.

    Args:
        network: `"vgg16"`, `"resnet50"` or `"resnet152"`; None takes the one in
            the file.
        path: The `.h5` file; None looks in Keras' cache, `~/.keras/models` or
            `models` in `KERAS_HOME`.

    Returns:
        A pair of the backbone, see `convert`, and a `Report`.

    Raises:
        FileNotFoundError: If there is no such file; the error says how to get
            it.
        ValueError: If Keras has no weights of the network, or the file is damaged,
            holds another network, or VGG-16 without its fully connected layers.

    Example:

        model, report = applications.load("resnet50")
        gray = weights.rgb_to_gray(model)
    """
    if path is None or network is not None:
        units.check_choice("network", network, tuple(_MODELS))
    path = find(network) if path is None else path
    with hdf5.opened(path) as file:
        layers = set(np.array(file.attrs.get("layer_names", ())).astype(str))
    found = _recognize(layers, path)
    if network not in (None, found):
        raise ValueError(
            f"The file is of another network. Expected the ImageNet weights of "
            f"{network}. Received: {path} with those of {found}"
        )
    application = _MODELS[found](weights=None, include_top="predictions" in layers)
    try:
        _check_shapes(application, path)
        application.load_weights(path)
    except hdf5.UNREADABLE as error:
        raise ValueError(
            f"The ImageNet weights cannot be read. Expected a whole file for {found}. "
            f"Received: {path} ({' '.join(str(error).split())})"
        ) from error
    return convert(application, origin=str(path))


def _check_shapes(application, path):
    """Compares a file's arrays with the weights; Keras reads an array first."""
    with hdf5.opened(path) as file:
        groups = [file[layer] for layer in file.attrs["layer_names"]]
        shapes = [
            group[name].shape
            for group in groups
            for name in group.attrs.get("weight_names", ())
        ]
    expected = [tuple(weight.shape) for weight in application.weights]
    if sorted(shapes) != sorted(expected):
        raise ValueError(f"{len(shapes)} arrays of other shapes or number")


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
    residual = networks.ARCHITECTURES[network].residual
    endings = ("", "_notop") if residual else ("",)
    files = [folder / _FILE.format(network, ending) for ending in endings]
    for file in files:
        if file.is_file():
            return file
    url = f"{_URL}/{'resnet' if residual else network}/{files[0].name}"
    raise FileNotFoundError(
        f"The ImageNet weights of {network} are missing. Expected {files[0]}; get them "
        f"with `curl --create-dirs -o {files[0]} {url}`. Received: no such file"
    )


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
    origin = origin or f"model {application.name!r}"
    found = assignment.parameters(application)
    arrays = {name: memory.view(variable) for name, variable in found.items()}
    network = _recognize({assignment.layer_of(name) for name in arrays}, origin)
    wrong = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if wrong:
        raise ValueError(
            "Weights are not finite. Expected finite numbers. "
            f"Received: {origin} with NaN or infinity in {', '.join(wrong)}"
        )
    residual = networks.ARCHITECTURES[network].residual
    model = networks.ARCHITECTURES[network].builder(
        input_channels=3,
        normalization="affine" if residual else "none",
        kernel_initializer="zeros",
        rescaling=RESCALING,
        **({"pool1": "symmetric"} if residual else {}),
    )
    values = _resnet(network, arrays) if residual else _vgg16(arrays)
    sources = {name: (value.source, value.how) for name, value in values.items()}
    arrays = {name: value.array for name, value in values.items()}
    first = next(iter(arrays))
    arrays[first] = arrays[first][:, :, ::-1]
    sources[first] = (values[first].source, "BGR to RGB")
    report = assignment.assign(model, arrays, sources, origin)
    return model, report


def _recognize(layers, origin):
    for network, (present, absent) in _SIGNATURES.items():
        if present <= layers and absent not in layers:
            return network
    raise ValueError(
        "The network of the weights cannot be imported. Expected `keras.applications` "
        "of resnet50, resnet152, or vgg16 with its fully connected layers, "
        f"{_FILE.format('vgg16', '')}. Received: {origin}"
    )


class _Value(NamedTuple):
    """The values of a parameter, their name in the application, and how they came."""

    array: np.ndarray
    source: str
    how: str = "copied"


def _vgg16(arrays):
    values = {}
    for ours in networks.ARCHITECTURES["vgg16"].filters:
        theirs = ours.replace("fc6", "fc1").replace("fc7", "fc2")
        theirs = re.sub(r"conv(\d)_", r"block\1_conv", theirs)
        kernel, how = arrays[f"{theirs}/kernel"], "copied"
        if kernel.ndim == 2:
            size = 7 if ours == "fc6" else 1
            kernel = kernel.reshape(size, size, -1, kernel.shape[-1])
            how = "dense to convolution"
        values[f"{ours}/kernel"] = _Value(kernel, f"{theirs}/kernel", how)
        _, bias, _ = units.sequential_names(ours)
        values |= _bias(bias, f"{theirs}/bias", arrays)
    return values


def _resnet(network, arrays):
    architecture, values = networks.ARCHITECTURES[network], {}
    for ours in architecture.filters:
        theirs = "conv1"
        if ours != "conv1":
            block, branch = ours.removeprefix("res").split("_branch")
            # Keras numbers the blocks of a stage from 1; here they are a, b, c or
            # a, b1, b2.
            number = 1 + int(block[2:] or ord(block[1]) - ord("a"))
            theirs = f"conv{block[0]}_block{number}_{_BRANCHES[branch]}"
        batch, bias, _ = architecture.names_after(ours)
        kernel, added = f"{theirs}_conv/kernel", arrays[f"{theirs}_conv/bias"]
        gamma, mean = f"{theirs}_bn/gamma", f"{theirs}_bn/moving_mean"
        variance = f"{theirs}_bn/moving_variance"
        more = np.float32(_EPSILON - units.EPSILON)
        values |= {
            f"{ours}/kernel": _Value(arrays[kernel], kernel),
            f"{batch}/gamma": _Value(arrays[gamma], gamma),
            f"{batch}/moving_mean": _Value(
                arrays[mean] - added, mean, "minus the convolution's bias"
            ),
            f"{batch}/moving_variance": _Value(
                arrays[variance] + more, variance, "plus the difference of epsilons"
            ),
            **_bias(bias, f"{theirs}_bn/beta", arrays),
        }
    return values


def _bias(bias, source, arrays):
    array = arrays[source]
    return {
        f"{bias}/bias": _Value(array, source),
        f"{bias}/shift": _Value(np.zeros_like(array), "none", "0"),
    }
