"""Hypercolumns at every pixel of the output."""

import keras
from keras import ops

from selfsup.layers import bilinear, checks


@keras.saving.register_keras_serializable(package="selfsup")
class DenseHypercolumn(keras.layers.Layer):
    """Reads several maps at every output pixel and joins the values.

    Gives what `SparseHypercolumn` gives at the same positions. Output pixel `i`
    is centered at pixel `r * i + (r - 1) / 2` of the image, with `r` the
    `output_stride`. The output is large; use `DenseHead` to predict from it
    without building it.

    Args:
        strides: Stride of each tap, in pixels of the image.
        offsets: Pixel of the image at which each tap's first pixel is centered.
        alignment: `"centers"`, or `"corner"` to take all offsets as zero.
            Defaults to `"centers"`.
        output_stride: Pixels of the image per pixel of the output. Defaults to
            `1`.
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        features: List of taps `[B, H_i, W_i, C_i]`, float.
        image: `[B, H, W, ...]`, of which only the size matters.

    Output:
        `[B, ceil(H / r), ceil(W / r), sum(C_i)]`, the layer's compute dtype.

    Raises:
        ValueError: If the arguments do not describe the same taps, `output_stride`
            is not positive or the call gets another number of maps.

    Example:

    >>> fine, coarse = ops.zeros((2, 8, 8, 3)), ops.zeros((2, 4, 4, 5))
    >>> layer = DenseHypercolumn(strides=[1, 2], offsets=[0.0, 0.5])
    >>> tuple(layer([fine, coarse], image=fine).shape)
    (2, 8, 8, 8)
    """

    def __init__(
        self, strides, offsets, alignment="centers", output_stride=1, **kwargs
    ):
        super().__init__(**kwargs)
        bilinear.check_taps(strides, offsets, alignment)
        checks.check_positive("output_stride", output_stride)
        self.strides = list(strides)
        self.offsets = list(offsets)
        self.alignment = alignment
        self.output_stride = output_stride

    def call(self, features, image):
        rows, columns = (
            bilinear.output_position(
                ops.arange(bilinear.output_length(length, self.output_stride)),
                self.output_stride,
            )
            for length in ops.shape(image)[1:3]
        )
        offsets = bilinear.aligned_offsets(self.offsets, self.alignment)
        maps = []
        for x, stride, offset in zip(features, self.strides, offsets, strict=True):
            x = bilinear.sample_axis(x, bilinear.tap_position(rows, stride, offset), 1)
            x = bilinear.sample_axis(
                x, bilinear.tap_position(columns, stride, offset), 2
            )
            maps.append(ops.cast(x, self.compute_dtype))
        return ops.concatenate(maps, axis=-1)

    def compute_output_spec(self, features, image):
        shape = self.compute_output_shape([x.shape for x in features], image.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def compute_output_shape(self, features_shape, image_shape):
        bilinear.check_features(features_shape, self.strides)
        size = [bilinear.output_length(n, self.output_stride) for n in image_shape[1:3]]
        channels = sum(shape[-1] for shape in features_shape)
        return (image_shape[0], *size, channels)

    def get_config(self):
        config = super().get_config()
        config.update(
            strides=self.strides,
            offsets=self.offsets,
            alignment=self.alignment,
            output_stride=self.output_stride,
        )
        return config
