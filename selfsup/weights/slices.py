"""Large weights moved slice by slice, so that no second copy is in memory.

VGG-16's fc6 alone has 411 MB, and Keras copies a weight twice to assign or to save it.
"""

import numpy as np
import tensorflow as tf

# Values of a slice, 8 MB; weights that have more are moved in slices.
LARGE = 2**21


def assign_last(variable, start, array):
    """Writes some of the last channels of a weight, in place.

    Args:
        variable: A Keras variable `[..., C]`.
        start: The first channel to write.
        array: `[..., n]`.
    """
    tensor = variable.value
    # Not `tensor[..., a:b].assign`, which reads the whole weight first: while that
    # is alive, TensorFlow writes to a copy.
    tf.raw_ops.ResourceStridedSliceAssign(
        ref=tensor.handle,
        begin=[0, start],
        end=[0, start + array.shape[-1]],
        strides=[1, 1],
        value=tf.cast(np.ascontiguousarray(array), tensor.dtype),
        ellipsis_mask=1,
    )
    # Which that switches on: every later use of the weight would copy it.
    tf.raw_ops.DisableCopyOnRead(resource=tensor.handle)


def read_last(variable):
    """Reads a weight by its last channels.

    Args:
        variable: A Keras variable `[..., C]`.

    Yields:
        Pairs of the first channel and an array `[..., n]`.
    """
    step = step_of(variable.shape[::-1])
    for start in range(0, variable.shape[-1], step):
        yield start, variable.value[..., start : start + step].numpy()


def read_first(variable):
    """Reads a weight by its first axes.

    Args:
        variable: A Keras variable.

    Yields:
        Pairs of the index of a part and its array.
    """
    shape = variable.shape
    axis = next(i for i in range(len(shape)) if np.prod(shape[i + 1 :]) <= LARGE)
    step = step_of(shape[axis:])
    for first in np.ndindex(*shape[:axis]):
        for start in range(0, shape[axis], step):
            where = (*first, slice(start, start + step))
            yield where, variable.value[where].numpy()


def step_of(shape):
    """Returns how many entries of the first axis make a slice.

    Args:
        shape: Shape of an array, `[N, ...]`.
    """
    return max(1, LARGE // max(1, int(np.prod(shape[1:]))))
