"""Export of networks to Caffe's weights."""

from typing import NamedTuple

import numpy as np

from selfsup import color, layers, networks
from selfsup.networks import units
from selfsup.weights import adaptation, assignment, memory, saving
from selfsup.weights.caffe import blobs, names, recognition

# What Caffe calls alpha = 1e-4 over five channels.
_LRN = layers.LocalResponseNormalization(name="lrn")


def save(model, path, overwrite=False):
    """Writes a backbone or colorizer to a `.caffemodel.h5` file.

    Convolution, `BatchNorm` and `Scale` layers of these names give the same
    activations in Caffe: what a `Bias` layer adds is multiplied by sigma and
    becomes the convolution's bias, before the normalization, or the offset of
    the scale layer. Such a file holds only weights. What Caffe keeps in a
    prototxt (local response normalization, padding, the convention of the
    image) is recorded as an attribute of the file, which `load` reads and Caffe
    ignores.

    The head is named as in training (`colorize_fc1`, matrices), or as in the
    network that was released for use (`h_fc1`, 1x1 convolutions) if the model
    takes raw gray as that one does.

    Args:
        model: A network of `selfsup.networks` with zero padding, or
            `heads.colorizer` on one.
        path: Path of the file; a failure leaves an older file as it was.
        overwrite: Whether to replace a file that exists.

    Returns:
        A `Report`; its parameters are blobs.

    Raises:
        ValueError: If Caffe has no such network: bias padding, a head for
            classes, rebalanced local response normalization.
        FileExistsError: If there is such a file.
        OSError: If it cannot be written.
    """
    description = networks.describe(model)
    _check(model, description)
    taps = _taps(model)
    path = saving.checked_output(path, ".h5", overwrite)
    variables = assignment.parameters(model)
    entries = _backbone(model, description, variables)
    record = {"alignment": "centers", "rescaling": None, **description}
    if taps:
        entries += _head(taps, description, variables)
        record["alignment"] = model.get_layer("hypercolumn").alignment
    used = {name for entry in entries for name in entry.weights}
    left = [name for name in variables if name not in used]
    if left:
        _refuse(f"there is no place for {', '.join(left)}", model)
    blobs.write(path, ((e.name, e.array) for e in entries), record)
    rows = (
        assignment.Row(e.name, e.array.shape, ", ".join(e.weights) or "none", e.how)
        for e in entries
    )
    return assignment.Report(tuple(rows), f"model {model.name!r}")


class _Entry(NamedTuple):
    """One blob to write: its name, values, the weights it is made of, and how."""

    name: str
    array: np.ndarray
    weights: tuple
    how: str = "copied"


def _backbone(model, description, variables):
    found = names.units_of(description["network"], description["fov_blocks"])
    entries = []
    for unit in found:
        kernel = f"{unit.convolution}/kernel"
        array = memory.view(variables[kernel]).transpose(3, 2, 0, 1)
        how = "HWIO to OIHW"
        if description["input_channels"] == 3 and unit == found[0]:
            array, how = array[:, ::-1], f"{how}, RGB to BGR"
        entries.append(_Entry(f"{unit.convolution}/0", array, (kernel,), how))
        entries += _vectors(unit, variables, model)
    return entries


def _vectors(unit, variables, model):
    added = f"{unit.bias}/bias", f"{unit.bias}/shift"
    bias = sum(_read(variables, name) for name in added)
    mean, variance = f"{unit.batch}/moving_mean", f"{unit.batch}/moving_variance"
    gamma = f"{unit.batch}/gamma"
    if mean not in variables:
        return [_vector(f"{unit.convolution}/1", bias, added, "the sum")]
    epsilon = model.get_layer(unit.batch).epsilon
    sums = _read(variables, variance) + (epsilon - units.EPSILON)
    batch = [
        _vector(f"{unit.batch}/0", _read(variables, mean), (mean,)),
        _vector(f"{unit.batch}/1", sums, (variance,)),
        _vector(f"{unit.batch}/2", np.ones(1), (), "1"),
    ]
    if gamma in variables:
        return [
            *batch,
            _vector(f"{unit.scale}/0", _read(variables, gamma), (gamma,)),
            _vector(f"{unit.scale}/1", bias, added, "the sum"),
        ]
    bias = bias * np.sqrt(sums + units.EPSILON)
    how = "the sum, times sigma"
    return [_vector(f"{unit.convolution}/1", bias, (*added, variance), how), *batch]


def _head(taps, description, variables):
    scale, offset = map(np.float64, description.get("rescaling") or (1.0, 0.0))
    raw = np.all(scale == 1) and np.all(offset == color.GRAY_MEAN)
    deployed = bool(raw) and description["normalization"] == "none"
    column = 1 if deployed else 0
    image = recognition.image_channels(taps)
    scale, offset = (np.resize(x, (image, 1)) for x in (scale, offset))
    # [image channels, hidden units], as they are multiplied with Caffe's image.
    rows = np.float64(memory.view(variables["h_fc1/kernel"])[:image]) / scale
    constant = (rows * offset).sum(axis=0)
    entries = _dense(
        "h_fc1", names.HIDDEN[column], variables, deployed, rows[::-1], constant
    )
    for ours, theirs in names.PREDICTIONS.items():
        if f"{ours}/kernel" in variables:
            entries += _dense(ours, theirs[column], variables, deployed)
    return entries


def _dense(ours, theirs, variables, square, image=(), constant=0.0):
    """Returns the blobs of a Dense layer.

    Args:
        ours: Name of the layer in the model.
        theirs: Its name in the file.
        variables: `assignment.parameters` of the model.
        square: Whether it becomes a 1x1 convolution.
        image: Rows of the kernel that replace the first ones.
        constant: What is subtracted from the bias.
    """
    kernel, bias = f"{ours}/kernel", f"{ours}/bias"
    array = memory.view(variables[kernel])
    if len(image):
        array = np.concatenate([np.float32(image), array[len(image) :]])
    array = array.T[..., None, None] if square else array.T
    how = "transposed" + (", RGB to BGR" if len(image) == 3 else "")
    added = "minus what the image's offset adds" if np.any(constant) else "copied"
    return [
        _Entry(f"{theirs}/0", array, (kernel,), how),
        _vector(f"{theirs}/1", _read(variables, bias) - constant, (bias,), added),
    ]


def _vector(name, array, weights, how="copied"):
    return _Entry(name, np.float32(array), weights, how)


def _read(variables, name):
    return np.float64(memory.view(variables[name]))


def _taps(model):
    """Returns the taps of a model's hypercolumn; none if it has no hypercolumn."""
    if "hypercolumn" not in {layer.name for layer in model.layers}:
        return ()
    inputs = model.get_layer("h_fc1").kernel.shape[0]
    taps = recognition.find_taps(networks.taps(model), inputs) or ()
    if [tap.stride for tap in taps] != model.get_layer("hypercolumn").strides:
        _refuse("its hypercolumn has other taps than the network's", model)
    return taps


def _check(model, description):
    if description["padding"] != "zeros":
        _refuse("its convolutions pad with biases", model)
    if description.get("lrn"):
        constants = adaptation.CONSTANTS[layers.LocalResponseNormalization]
        for layer in (model.get_layer("norm1"), model.get_layer("norm2")):
            if any(getattr(layer, n) != getattr(_LRN, n) for n in constants):
                _refuse(f"{layer.name} was rebalanced and is no longer Caffe's", model)


def _refuse(reason, model):
    raise ValueError(
        f"The model cannot be a Caffe file: {reason}. Expected a backbone with zero "
        f"padding, or a colorizer on one. Received: model={model.name!r}"
    )
