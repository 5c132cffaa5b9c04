"""Assignments of blobs to weights: which blobs a weight is made of, and how.

Source: Caffe's layers. `Convolution` has a kernel OIHW and maybe a bias,
`InnerProduct` a matrix (out, in), `BatchNorm` mean and variance as sums and the
factor to divide them by, `Scale` a factor and an offset.
"""

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
    unit, variables, blobs, *, bgr=False, absorbed=False, biased=None, scaled=False
):
    """Lists the assignments of a convolution and the layers up to the ReLU.

    Args:
        unit: A `names.Unit`.
        variables: `assignment.parameters` of the model.
        blobs: A `Blobs`, to see whether the convolution has a bias.
        bgr: Whether its input channels are blue, green, red.
        absorbed: Whether the batch normalization is folded into the convolution.
        biased: Whether convolutions before a batch normalization have biases;
            None looks for the blob.
        scaled: Whether an absorbed normalization has a scale and an offset.

    Returns:
        A list of `Assignment`.
    """
    kernel = f"{unit.convolution}/kernel"
    channels = variables[kernel].shape[-1]
    shape = {f"{unit.convolution}/0": _kernel_shapes(unit, variables[kernel].shape)}
    bias, shift = f"{unit.bias}/bias", f"{unit.bias}/shift"
    if biased is None:
        biased = f"{unit.convolution}/1" in blobs.shapes
    batch = _BatchNorm(unit, channels, biased, scaled)
    if not absorbed and f"{unit.batch}/moving_mean" not in variables:
        expected = {f"{unit.convolution}/1": ((channels,),)}
        return [
            Assignment(kernel, shape, _kernel(unit, bgr)),
            Assignment(bias, expected, _vector(unit.convolution, 1)),
            Assignment(shift, {}, _zeros),
        ]
    if absorbed:
        expected = {**batch.mean_shapes, **batch.variance_shapes, **batch.scale_shapes}
        return [
            Assignment(kernel, {**shape, **expected}, _kernel(unit, bgr, batch)),
            Assignment(bias, expected, batch.fill_bias),
            Assignment(shift, {}, _zeros),
        ]
    found = [Assignment(kernel, shape, _kernel(unit, bgr))]
    if f"{unit.batch}/gamma" in variables:
        expected = {f"{unit.scale}/0": ((channels,),)}
        found.append(
            Assignment(f"{unit.batch}/gamma", expected, _vector(unit.scale, 0))
        )
        expected = {f"{unit.scale}/1": ((channels,),)}
        found.append(Assignment(bias, expected, _vector(unit.scale, 1)))
    else:
        found.append(Assignment(bias, {}, _zeros))
    return [
        *found,
        Assignment(f"{unit.batch}/moving_mean", batch.mean_shapes, batch.fill_mean),
        Assignment(
            f"{unit.batch}/moving_variance", batch.variance_shapes, batch.fill_variance
        ),
        Assignment(shift, {}, _zeros),
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
    image = _Image(theirs, image_channels, rescaling)
    expected = {f"{theirs}/1": ((outputs,),)}
    return [
        Assignment(f"{ours}/kernel", matrix, image.fill_kernel),
        Assignment(
            f"{ours}/bias",
            {**expected, **(matrix if image.has_offset else {})},
            image.fill_bias if image.has_offset else _vector(theirs, 1),
        ),
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
    first = next((i for i, length in enumerate(shape) if length != 1), len(shape))
    return tuple(shape[first:])


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


def _vector(layer, index):
    def run(blobs, variable):
        variable.assign(_read(blobs, f"{layer}/{index}"))
        return "copied"

    return run


def _zeros(_, variable):
    variable.assign(np.zeros(variable.shape, np.float32))
    return "zeros"


def _read(blobs, name):
    # Without the leading axes of old files.
    return blobs.read(name).reshape(-1)


class _BatchNorm:
    """The mean and variance of a unit's batch normalization.

    Args:
        unit: A `names.Unit`.
        channels: Number of channels.
        biased: Whether the convolution before it has a bias.
        scaled: Whether a scale and an offset follow it.
    """

    def __init__(self, unit, channels, biased, scaled):
        self._unit = unit
        vector = ((channels,),)
        factor = {f"{unit.batch}/2": ((1,),)}
        self._biased = biased
        bias = {f"{unit.convolution}/1": vector} if self._biased else {}
        self.mean_shapes = {f"{unit.batch}/0": vector, **factor, **bias}
        self.variance_shapes = {f"{unit.batch}/1": vector, **factor}
        self.scale_shapes = {f"{unit.scale}/{k}": vector for k in range(2 * scaled)}

    def fill_mean(self, blobs, variable):
        variable.assign(np.float32(self._mean(blobs)))
        how = self._factor(blobs)[1]
        return f"{how}, minus the bias" if self._biased else how

    def fill_variance(self, blobs, variable):
        variable.assign(np.float32(self._variance(blobs)))
        return self._factor(blobs)[1]

    def fill_bias(self, blobs, variable):
        offset = _read(blobs, f"{self._unit.scale}/1") if self.scale_shapes else 0.0
        value = offset - self._mean(blobs) * self.factors(blobs)
        variable.assign(np.float32(value))
        return "what BN adds"

    def factors(self, blobs):
        """Returns the factor of the normalization on each channel."""
        gamma = _read(blobs, f"{self._unit.scale}/0") if self.scale_shapes else 1.0
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


class _Image:
    """An inner product with the image among its inputs, in Caffe's convention.

    Args:
        layer: Name of the layer in the file.
        channels: Channels of the image, its first inputs; 0 if it sees none.
        rescaling: Pair (scale, offset) from our image to theirs, or None.
    """

    def __init__(self, layer, channels, rescaling):
        self._layer, self._channels = layer, channels
        self._scale, self._offset = map(np.float64, rescaling or (1.0, 0.0))
        self.has_offset = channels > 0 and bool(np.any(self._offset))

    def fill_kernel(self, blobs, variable):
        count = self._channels
        for start, array in blobs.slices(f"{self._layer}/0"):
            array = array.reshape(len(array), -1)
            if count:
                # Of three channels BGR to RGB; one stays as it is.
                image = np.float32(array[:, :count][:, ::-1] * self._scale)
                array = np.concatenate([image, array[:, count:]], axis=1)
            memory.assign_channels(variable, start, array.T)
        how = "transposed"
        how += ", the image's BGR to RGB" if count == 3 else ""
        scaled = count and np.any(self._scale != 1)
        return how + (", the image's part rescaled" if scaled else "")

    def fill_bias(self, blobs, variable):
        rows = blobs.read(f"{self._layer}/0", np.s_[:, : self._channels])
        rows = np.float64(rows.reshape(-1, self._channels)[:, ::-1])
        constant = (rows * self._offset).sum(axis=1)
        variable.assign(np.float32(_read(blobs, f"{self._layer}/1") + constant))
        offsets = ", ".join(f"{x:.6g}" for x in np.atleast_1d(self._offset))
        return f"plus {offsets} times the image's part of the kernel"
