"""Assignments of blobs to weights: which blobs a weight is made of, and how.

Source: Caffe's layers. `Convolution` has a kernel OIHW and maybe a bias,
`InnerProduct` a matrix (out, in), `BatchNorm` mean and variance as sums and the
factor to divide them by, `Scale` a factor and an offset.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from selfsup.networks import units
from selfsup.weights import memory


class Assignment(NamedTuple):
    """One weight of the model and the blobs that it is made of.

    Attributes:
        parameter: Name of the weight, see `assignment.parameters`.
        expected: Dict from the name of a blob to the shapes that it may have.
        run: Function of the `Blobs` and the variable. It assigns the variable
            and returns for the report how the value was made.
    """

    parameter: str
    expected: dict[str, tuple]
    run: Callable


def of_unit(
    unit, variables, normalization="none", *, biased=True, absorbed=False, bgr=False
):
    """Lists the assignments of a convolution and the layers up to the ReLU.

    Args:
        unit: A `names.Unit`.
        variables: `assignment.parameters` of the model.
        normalization: That of the file: `"none"`, `"plain"` or `"affine"`.
        biased: Whether the convolution has a bias in spite of a normalization.
        absorbed: Whether to fold the normalization into the convolution.
        bgr: Whether its input channels are blue, green, red.

    Returns:
        A list of `Assignment`.
    """
    kernel, bias = f"{unit.convolution}/kernel", f"{unit.bias}/bias"
    vector = (variables[kernel].shape[-1:],)
    weight = {f"{unit.convolution}/0": _kernel_shapes(unit, variables[kernel].shape)}
    own_bias = {f"{unit.convolution}/1": vector}
    shift = _vector(f"{unit.bias}/shift", {})
    if normalization == "none":
        kernel = Assignment(kernel, weight, _kernel(unit, bgr))
        return [kernel, _vector(bias, own_bias), shift]

    affine = normalization == "affine"
    factor = {f"{unit.batch}/2": ((1,),)}
    mean = {f"{unit.batch}/0": vector, **factor, **(own_bias if biased else {})}
    variance = {f"{unit.batch}/1": vector, **factor}
    scale = {f"{unit.scale}/0": vector} if affine else {}
    offset = {f"{unit.scale}/1": vector} if affine else {}
    batch = _BatchNorm(unit, biased, affine)
    if absorbed:
        used = mean | variance | scale | offset
        return [
            Assignment(kernel, weight | used, _kernel(unit, bgr, batch)),
            Assignment(bias, used, batch.fill_bias),
            shift,
        ]
    return [
        Assignment(kernel, weight, _kernel(unit, bgr)),
        *([_vector(f"{unit.batch}/gamma", scale)] if affine else []),
        _vector(bias, offset),
        Assignment(f"{unit.batch}/moving_mean", mean, batch.fill_mean),
        Assignment(f"{unit.batch}/moving_variance", variance, batch.fill_variance),
        shift,
    ]


def of_dense(ours, theirs, variables, *, image_channels=0, rescaling=None):
    """Lists the assignments of an inner product of the head.

    Args:
        ours: Name of the layer in the model.
        theirs: Its name in the file.
        variables: `assignment.parameters` of the model.
        image_channels: How many of its first inputs are the image itself.
        rescaling: Pair (scale, offset) from our image to theirs, or None.

    Returns:
        A list of `Assignment`.
    """
    inputs, outputs = variables[f"{ours}/kernel"].shape
    matrix = {f"{theirs}/0": ((outputs, inputs), (outputs, inputs, 1, 1))}
    bias = {f"{theirs}/1": ((outputs,),)}
    scale, offset = map(np.float64, rescaling or (1.0, 0.0))

    def fill_kernel(blobs, variable):
        for start, array in blobs.slices(f"{theirs}/0"):
            array = array.reshape(len(array), -1)
            # Of three channels BGR to RGB; one stays as it is.
            image = np.float32(array[:, :image_channels][:, ::-1] * scale)
            array = np.concatenate([image, array[:, image_channels:]], axis=1)
            memory.assign_channels(variable, start, array.T)
        how = ", the image's BGR to RGB" if image_channels == 3 else ""
        how += ", the image's part rescaled" if np.any(scale != 1) else ""
        return f"transposed{how}"

    def fill_bias(blobs, variable):
        rows = blobs.read(f"{theirs}/0", np.s_[:, :image_channels])
        rows = np.float64(rows.reshape(-1, image_channels)[:, ::-1])
        constant = (rows * offset).sum(axis=1)
        variable.assign(np.float32(_read(blobs, f"{theirs}/1") + constant))
        offsets = ", ".join(f"{x:.6g}" for x in np.atleast_1d(offset))
        return f"plus {offsets} times the image's part of the kernel"

    return [
        Assignment(f"{ours}/kernel", matrix, fill_kernel),
        Assignment(f"{ours}/bias", bias | matrix, fill_bias)
        if np.any(offset)
        else _vector(f"{ours}/bias", bias),
    ]


def fits(shape, shapes):
    """Returns whether a blob's shape is one of those expected.

    Old Caffe files have four axes everywhere: leading axes of length 1 are
    ignored.

    Args:
        shape: Shape of the blob.
        shapes: Those that it may have.
    """
    return any(_stripped(shape) == _stripped(other) for other in shapes)


def _stripped(shape):
    return list(itertools.dropwhile(lambda length: length == 1, shape))


def _kernel_shapes(unit, shape):
    height, width, inputs, outputs = shape
    oihw = (outputs, inputs, height, width)
    if not unit.convolution.startswith("fc"):
        return (oihw,)
    return oihw, (outputs, inputs * height * width)


def _kernel(unit, bgr, batch=None):
    def run(blobs, variable):
        name = f"{unit.convolution}/0"
        height, width, inputs, _ = variable.shape
        factors = None if batch is None else batch.factors(blobs)
        for start, array in blobs.slices(name):
            array = array.reshape(-1, inputs, height, width)
            if bgr:
                array = array[:, ::-1]
            if factors is not None:
                array = array * factors[start : start + len(array), None, None, None]
            memory.assign_channels(variable, start, array.transpose(2, 3, 1, 0))
        matrix = len(blobs.shapes[name]) == 2
        how = "matrix to HWIO" if matrix else "OIHW to HWIO"
        how += ", BGR to RGB" if bgr else ""
        return how + ("" if batch is None else ", times what BN multiplies by")

    return run


def _vector(parameter, expected):
    """Copies the only blob of `expected`; without one the values are 0."""

    def run(blobs, variable):
        if not expected:
            variable.assign(np.zeros(variable.shape, np.float32))
            return "zeros"
        variable.assign(_read(blobs, *expected))
        return "copied"

    return Assignment(parameter, expected, run)


def _read(blobs, name):
    # Without the leading axes of old files.
    return blobs.read(name).reshape(-1)


class _BatchNorm:
    """The batch normalization of a unit.

    Args:
        unit: A `names.Unit`.
        biased: Whether the convolution before it has a bias.
        scaled: Whether a scale and an offset follow it.
    """

    def __init__(self, unit, biased, scaled):
        self._unit, self._biased, self._scaled = unit, biased, scaled

    def fill_mean(self, blobs, variable):
        variable.assign(np.float32(self._mean(blobs)))
        how = self._factor(blobs)[1]
        return f"{how}, minus the bias" if self._biased else how

    def fill_variance(self, blobs, variable):
        variable.assign(np.float32(self._variance(blobs)))
        return self._factor(blobs)[1]

    def fill_bias(self, blobs, variable):
        offset = _read(blobs, f"{self._unit.scale}/1") if self._scaled else 0.0
        value = offset - self._mean(blobs) * self.factors(blobs)
        variable.assign(np.float32(value))
        return "what BN adds"

    def factors(self, blobs):
        """Returns the factor of the normalization on each channel."""
        gamma = _read(blobs, f"{self._unit.scale}/0") if self._scaled else 1.0
        return gamma / np.sqrt(self._variance(blobs) + units.EPSILON)

    def _factor(self, blobs):
        name = f"{self._unit.batch}/2"
        factor = float(_read(blobs, name)[0])
        if factor == 0:
            # Statistics of no step at all: Caffe multiplies them by 0.
            return 0.0, "times 0, as the factor is 0"
        if factor < 1e-30:
            _refuse(blobs, name, f"a factor of {factor:.6g}")
        return 1 / factor, f"divided by the factor {factor:.6g}"

    def _mean(self, blobs):
        # The normalization subtracts the bias of the convolution again.
        mean = np.float64(_read(blobs, f"{self._unit.batch}/0"))
        bias = _read(blobs, f"{self._unit.convolution}/1") if self._biased else 0.0
        return mean * self._factor(blobs)[0] - bias

    def _variance(self, blobs):
        name = f"{self._unit.batch}/1"
        variance = np.float64(_read(blobs, name))
        if variance.min() < 0:
            _refuse(blobs, name, f"a variance of {variance.min():.6g}")
        return variance * self._factor(blobs)[0]


def _refuse(blobs, name, what):
    raise ValueError(
        "Statistics of a batch normalization are not valid. Expected variances and a "
        f"factor that are not negative. Received: {blobs.path}: {name} with {what}"
    )
