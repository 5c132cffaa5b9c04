"""Large weights read and written without another copy of them in memory.

VGG-16's fc6 alone has 411 MB, and Keras copies a weight twice to save it, and
TensorFlow to assign it.
"""

import numpy as np
import tensorflow as tf

# Values of a slice, 8 MB.
SLICE = 2**21


def view(variable):
    """Returns the values of a weight, in its own memory where it is on a CPU.

    Args:
        variable: A Keras variable.

    Returns:
        A NumPy array, which must not be written to.
    """
    return np.asarray(variable.value.read_value())


def assign_channels(variable, start, array):
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
