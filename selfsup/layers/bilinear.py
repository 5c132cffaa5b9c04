"""Where a pixel of the image lies in a tap, and bilinear sampling there.

A tap of stride `s` and offset `o` sees its pixel `i` centered at `i * s + o` of
the image. Positions are float32: bfloat16 cannot distinguish 300 from 301.
"""

import keras
from keras import ops

_ALIGNMENTS = ("centers", "corner")


def check_taps(strides, offsets, alignment):
    """Raises an error unless the arguments describe the same taps.

    Args:
        strides: Sequence of positive numbers, one per tap.
        offsets: Sequence of as many numbers.
        alignment: `"centers"` or `"corner"`.

    Raises:
        ValueError: If an argument is out of range.
    """
    if alignment not in _ALIGNMENTS:
        raise ValueError(
            f"Argument `alignment` must be one of {_ALIGNMENTS}. "
            f"Received: alignment={alignment!r}"
        )
    if not strides or not all(stride > 0 for stride in strides):
        raise ValueError(
            "Argument `strides` must hold a positive number for each tap. "
            f"Received: strides={strides}"
        )
    if len(offsets) != len(strides):
        raise ValueError(
            "Argument `offsets` must hold one number for each stride. "
            f"Received: offsets={offsets}, strides={strides}"
        )


def check_features(features, strides):
    """Raises an error unless there is one map, or shape, per stride.

    Args:
        features: Sequence of maps or of shapes.
        strides: Strides of the taps.

    Raises:
        ValueError: If their numbers differ.
    """
    if len(features) != len(strides):
        raise ValueError(
            "There must be as many maps in `features` as taps, "
            f"{len(strides)}. Received: {len(features)} maps"
        )


def aligned_offsets(offsets, alignment):
    """Returns the offsets to sample with: none of them with `"corner"`.

    Args:
        offsets: Sequence of numbers.
        alignment: `"centers"` or `"corner"`.

    Returns:
        Tuple of as many numbers.
    """
    return tuple(0.0 if alignment == "corner" else offset for offset in offsets)


def output_length(length, output_stride):
    """Returns how many pixels a reduced output has.

    Args:
        length: Rows or columns of the image: an integer, a scalar tensor, or
            `None` if unknown.
        output_stride: Pixels of the image per pixel of the output.

    Returns:
        The quotient, rounded up; `None` if unknown.
    """
    return None if length is None else (length + output_stride - 1) // output_stride


def output_position(index, output_stride):
    """Returns the pixel of the image at which an output pixel is centered.

    Args:
        index: `[N]`, integer pixels of the output.
        output_stride: Pixels of the image per pixel of the output.

    Returns:
        `[N]`, float32.
    """
    return ops.cast(index, "float32") * output_stride + (output_stride - 1) / 2


def tap_position(position, stride, offset):
    """Returns where a pixel of the image lies in a tap.

    Args:
        position: `[...]`, float32, pixels of the image.
        stride: The tap's stride.
        offset: The tap's offset.

    Returns:
        `[...]`, float32, pixels of the tap.
    """
    return (position - offset) / stride


def corners(position, length):
    """Splits positions along one axis into two neighbors and a weight.

    Positions outside are moved to the first or the last pixel. A map of one
    pixel has that pixel for both neighbors.

    Args:
        position: `[...]`, float32, pixels of the tap.
        length: Number of pixels of the axis, an integer or a scalar tensor.

    Returns:
        Tuple of the lower and the upper neighbor, `[...]`, integer, and the
        weight of the upper one, `[...]`, float32.
    """
    last = ops.cast(length - 1, "float32")
    position = ops.clip(position, 0.0, last)
    lower = ops.floor(position)
    upper = ops.minimum(lower + 1.0, last)
    weight = position - lower
    return ops.cast(lower, index_dtype()), ops.cast(upper, index_dtype()), weight


def index_dtype():
    """Returns the integer type in which indices are computed.

    TensorFlow runs int32 arithmetic in the memory of the host even if everything
    around it is on a GPU, and copies back and forth. JAX has no int64.

    Returns:
        Name of a dtype.
    """
    return "int64" if keras.backend.backend() == "tensorflow" else "int32"


def sample_axis(features, position, axis):
    """Samples maps along one axis.

    Args:
        features: `[B, H, W, C]`, float.
        position: `[N]`, float32, pixels of the map.
        axis: 1 for rows or 2 for columns.

    Returns:
        The maps with `N` pixels along the axis, float32.
    """
    lower, upper, weight = corners(position, ops.shape(features)[axis])
    weight = ops.reshape(weight, (-1, 1, 1) if axis == 1 else (-1, 1))
    first = ops.cast(ops.take(features, lower, axis=axis), "float32")
    second = ops.cast(ops.take(features, upper, axis=axis), "float32")
    return first + weight * (second - first)
