"""Max pooling that rounds the size of its output up, as Caffe does."""

import keras
from keras import ops

from selfsup.layers.checks import check_positive


@keras.saving.register_keras_serializable(package="selfsup")
class CeilMaxPooling2D(keras.layers.Layer):
    """Takes the maximum over windows at fixed places, the last ones cut off.

    Window `i` covers the rows `i * strides - padding` to
    `i * strides - padding + pool_size - 1`, columns alike; what lies outside the
    image is ignored. The output has `ceil((H + 2 * padding - pool_size) /
    strides) + 1` rows, less one if that window would lie in the padding alone,
    and never fewer than one.

    So every pixel is pooled and the place of a window does not depend on the
    size of the image, as it does with `padding="same"`, which pads the left side
    of odd sizes if `pool_size=3` and `strides=2`.

    Args:
        pool_size: Height and width of the window, in pixels.
        strides: Distance of neighboring windows, at most `pool_size`.
        padding: Rows and columns by which the first window begins before the
            image, less than `pool_size`. Defaults to `0`.
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        inputs: `[B, H, W, C]`, float.

    Output:
        `[B, H', W', C]`, the layer's compute dtype.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> x = ops.reshape(ops.arange(6.0), (1, 1, 6, 1))
    >>> [float(value) for value in CeilMaxPooling2D(3, 2)(x)[0, 0, :, 0]]
    [2.0, 4.0, 5.0]
    """

    def __init__(self, pool_size, strides, padding=0, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = check_positive("pool_size", pool_size)
        self.strides = check_positive("strides", strides)
        if strides > pool_size:
            raise ValueError(
                "Argument `strides` must not exceed `pool_size`, or pixels are "
                f"skipped. Received: strides={strides}, pool_size={pool_size}"
            )
        if not isinstance(padding, int) or not 0 <= padding < pool_size:
            raise ValueError(
                "Argument `padding` must be an integer from 0 to `pool_size` - 1. "
                f"Received: padding={padding}, pool_size={pool_size}"
            )
        self.padding = padding

    def call(self, inputs):
        if self.pool_size == self.strides == 2 and not self.padding:
            # Here "same" pads at most one row, at the end: no copy is needed.
            return self._pool(inputs, "same")
        lengths = [self._output_length(n) for n in ops.shape(inputs)[1:3]]
        pads = [(self.padding, self._pad_after(n)) for n in inputs.shape[1:3]]
        padded = ops.pad(inputs, ((0, 0), *pads, (0, 0)), constant_values=-float("inf"))
        # Where a size is unknown the pad is the largest one that may be needed.
        return self._pool(padded, "valid")[:, : lengths[0], : lengths[1]]

    def _pool(self, inputs, padding):
        return ops.max_pool(
            inputs,
            self.pool_size,
            self.strides,
            padding=padding,
            data_format="channels_last",
        )

    def _output_length(self, length):
        # Works on integers and on tensors alike.
        rest = length + 2 * self.padding - self.pool_size
        windows = (rest + self.strides - 1) // self.strides + 1
        # Only with padding can the last window miss the image altogether.
        inside = (length + self.padding + self.strides - 1) // self.strides
        if isinstance(length, int):
            return max(1, min(windows, inside))
        return ops.maximum(1, ops.minimum(windows, inside))

    def _pad_after(self, length):
        if length is None:
            return max(
                self.strides - 1 + self.padding, self.pool_size - self.padding - 1
            )
        end = (self._output_length(length) - 1) * self.strides + self.pool_size
        return max(0, end - self.padding - length)

    def compute_output_shape(self, input_shape):
        lengths = (n and self._output_length(n) for n in input_shape[1:3])
        return (input_shape[0], *lengths, input_shape[3])

    def get_config(self):
        config = super().get_config()
        config.update(
            pool_size=self.pool_size, strides=self.strides, padding=self.padding
        )
        return config
