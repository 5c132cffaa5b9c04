"""The color of the patch that each response of a feature map belongs to."""

import numpy as np
import tensorflow as tf

from selfsup import color


class PatchColors:
    """The colors of all square patches of some crops; used in graphs.

    Args:
        crops: `[B, S, S, 3]`, float32 in [0, 1] minus 0.4488.
    """

    def __init__(self, crops):
        self._size = tf.shape(crops)[1]
        rgb = tf.clip_by_value(crops + color.GRAY_MEAN, 0, 1)
        hue, chroma = color.rgb_to_hue_chroma(rgb)
        angle = 2 * np.pi * hue
        colors = chroma[..., None] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
        padded = tf.pad(tf.cast(colors, tf.float64), [[0, 0], [1, 0], [1, 0], [0, 0]])
        # Of all that is above and to the left.
        self._sums = tf.cumsum(tf.cumsum(padded, axis=1), axis=2)

    def of_map(self, grid, size, border=True):
        """Returns the color of the patch at each position of a feature map.

        It is a point of the color plane. Its direction is that of the mean over the
        patch of the vectors whose direction is the hue and whose length is the chroma.
        Its distance from gray is the square root of that mean's length: otherwise a
        vivid and a pale green would be farther apart than a pale green and a pale red.

        The patch is the central half, in height and width, of the receptive field,
        taken as large as the crop at most: a response depends less on what is outside.

        Args:
            grid: What `networks.grids` has for the layer.
            size: `[2]`, height and width of the feature map.
            border: Whether patches count that the border of the crop cuts off.

        Returns:
            A pair: `[B, H, W, 2]`, float64; `[H, W]`, bool, whether a patch counts.
        """
        (top, bottom, inside_y), (left, right, inside_x) = (
            self._windows(grid, count) for count in tf.unstack(size)
        )
        lower = tf.gather(self._sums, bottom, axis=1)
        band = lower - tf.gather(self._sums, top, axis=1)
        total = tf.gather(band, right, axis=2) - tf.gather(band, left, axis=2)
        pixels = (bottom - top)[:, None] * (right - left)
        mean = total / tf.cast(pixels, tf.float64)[..., None]
        length = tf.norm(mean, axis=-1, keepdims=True)
        counting = (inside_y[:, None] & inside_x) | border
        return tf.math.divide_no_nan(mean, tf.sqrt(length)), counting

    def _windows(self, grid, count):
        """Returns patches' first lines, the ones behind, and which are inside."""
        side = tf.maximum(tf.minimum(grid.field, self._size) // 2, 1)
        center = grid.offset + grid.stride * tf.cast(tf.range(count), tf.float32)
        first = center - tf.cast(side - 1, tf.float32) / 2
        first = tf.cast(tf.math.floor(first + 0.5), tf.int32)
        inside = (first >= 0) & (first + side <= self._size)
        # The last windows may be centered beyond the crop; one line stays.
        first = tf.minimum(first, self._size - 1)
        last = tf.clip_by_value(first + side, 1, self._size)
        return tf.maximum(first, 0), last, inside
