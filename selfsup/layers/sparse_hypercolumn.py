"""Hypercolumns at single points."""

import keras
from keras import ops

from selfsup.layers import bilinear

# From this stride on maps are small and several points meet in one pixel.
_COARSE_STRIDE = 8


@keras.saving.register_keras_serializable(package="selfsup")
class SparseHypercolumn(keras.layers.Layer):
    """Reads several maps at the same points of the image and joins the values.

    A point `(y, x)` lies in a tap at `((y, x) - offset) / stride`, moved to the
    nearest pixel if outside, and is read there bilinearly. Maps may have any
    size. No gradient reaches the points.

    Args:
        strides: Stride of each tap, in pixels of the image.
        offsets: Pixel of the image at which each tap's first pixel is centered.
        alignment: `"centers"`, or `"corner"` to take all offsets as zero, as
            the authors' TensorFlow operation does. Defaults to `"centers"`.
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        features: List of taps `[B, H_i, W_i, C_i]`, float.
        points: `[B, P, 2]`, float32, `(y, x)` in pixels of the image.

    Output:
        `[B, P, sum(C_i)]`, the layer's compute dtype.

    Raises:
        ValueError: If the arguments do not describe the same taps, or the call gets
            another number of maps or points of another shape.

    Example:

    >>> fine, coarse = ops.zeros((2, 8, 8, 3)), ops.zeros((2, 4, 4, 5))
    >>> layer = SparseHypercolumn(strides=[1, 2], offsets=[0.0, 0.5])
    >>> tuple(layer([fine, coarse], ops.ones((2, 10, 2))).shape)
    (2, 10, 8)
    """

    def __init__(self, strides, offsets, alignment="centers", **kwargs):
        # Casting would round the points: bfloat16 has 8 bits.
        super().__init__(autocast=False, **kwargs)
        bilinear.check_taps(strides, offsets, alignment)
        self.strides = list(strides)
        self.offsets = list(offsets)
        self.alignment = alignment

    def call(self, features, points):
        points = ops.stop_gradient(ops.cast(points, "float32"))
        offsets = bilinear.aligned_offsets(self.offsets, self.alignment)
        return ops.concatenate(
            [
                ops.cast(self._read(x, points, stride, offset), self.compute_dtype)
                for x, stride, offset in zip(
                    features, self.strides, offsets, strict=True
                )
            ],
            axis=-1,
        )

    def _read(self, features, points, stride, offset):
        if stride >= _COARSE_STRIDE:
            # The gradients of points that share a pixel are summed in this type.
            features = ops.cast(features, "float32")
        batch, height, width, _ = ops.shape(features)
        position = bilinear.tap_position(points, stride, offset)
        top, bottom, down = bilinear.corners(position[..., 0], height)
        left, right, across = bilinear.corners(position[..., 1], width)
        dtype = bilinear.index_dtype()
        height, width = ops.cast(height, dtype), ops.cast(width, dtype)
        # Maps are read as one list of pixels, so that a point costs four rows of
        # it, and its gradient is four rows that are added to zeros once.
        pixels = ops.reshape(features, (-1, features.shape[-1]))
        image = ops.arange(batch, dtype=dtype)[:, None] * height
        top, bottom = (image + top) * width, (image + bottom) * width
        total = 0.0
        for index, weight in (
            (top + left, (1 - down) * (1 - across)),
            (top + right, (1 - down) * across),
            (bottom + left, down * (1 - across)),
            (bottom + right, down * across),
        ):
            values = ops.cast(ops.take(pixels, index, axis=0), "float32")
            total = total + weight[..., None] * values
        return total

    def compute_output_spec(self, features, points):
        shape = self.compute_output_shape([x.shape for x in features], points.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def compute_output_shape(self, features_shape, points_shape):
        bilinear.check_features(features_shape, self.strides)
        if len(points_shape) != 3 or points_shape[-1] != 2:
            raise ValueError(
                "The points must be `[B, P, 2]`. "
                f"Received: points_shape={tuple(points_shape)}"
            )
        channels = sum(shape[-1] for shape in features_shape)
        return (points_shape[0], points_shape[1], channels)

    def get_config(self):
        config = super().get_config()
        config.update(
            strides=self.strides, offsets=self.offsets, alignment=self.alignment
        )
        return config
