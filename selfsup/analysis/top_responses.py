"""The strongest responses of all features of some layers, in one pass."""

import numpy as np
import tensorflow as tf

from selfsup import color, inference, networks


class TopResponses:
    """The strongest responses of each feature so far, at most one a photograph.

    Args:
        count: How many are kept, `K`.
        channels: Number of features, `C`.

    Attributes:
        values: `[K, C]`, float32, the responses, strongest first; of equal ones the
            earlier photograph's; minus infinity where there are none yet.
        images: `[K, C]`, int64, the photographs' numbers.
        positions: `[K, C, 2]`, int64, (y, x) in the feature map.
        colors: `[K, C, 2]`, float64, the patches' colors.
    """

    def __init__(self, count, channels):
        self.values = np.full((count, channels), -np.inf, np.float32)
        self.images = np.full((count, channels), -1, np.int64)
        self.positions = np.zeros((count, channels, 2), np.int64)
        self.colors = np.zeros((count, channels, 2))

    def update(self, values, images, positions, colors):
        """Adds the strongest response of each photograph of a batch.

        Args:
            values: `[B, C]`.
            images: `[B]`.
            positions: `[B, C, 2]`.
            colors: `[B, C, 2]`.
        """
        images = np.broadcast_to(images[:, None], values.shape)
        both = np.concatenate([self.values, values])
        # Stable: what was there first stays first.
        order = np.argsort(-both, axis=0, kind="stable")[: len(self.values)]
        self.values = np.take_along_axis(both, order, 0)
        both = np.concatenate([self.images, images])
        self.images = np.take_along_axis(both, order, 0)
        for name, new in (("positions", positions), ("colors", colors)):
            both = np.concatenate([getattr(self, name), new])
            setattr(self, name, np.take_along_axis(both, order[..., None], 0))


def top_responses(backbone, layers, batches, count):
    """Finds where the features of some layers respond most strongly.

    Memory does not grow with the number of photographs.

    Args:
        backbone: A model of `selfsup.networks`.
        layers: Names of layers.
        batches: Iterable of pairs of color crops `[B, S, S, 3]`, float32 in [0, 1]
            minus 0.4488, and the photographs' numbers `[B]`.
        count: How many responses of each feature are kept.

    Returns:
        A dict from each layer to a pair: `TopResponses`, and the variance of the colors
        of the patches at all positions of all photographs; see `color_consistency`.

    Raises:
        ValueError: If there is no such layer.
    """
    maps = inference.feature_maps(backbone, layers)
    grids = networks.grids(backbone)
    takes_color = inference.takes_color(backbone)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def strongest(crops):
        gray = tf.reduce_mean(crops, axis=-1, keepdims=True)
        found = maps(crops if takes_color else gray)
        sums = _summed_colors(crops)
        return {
            layer: _strongest(x, patch_colors(sums, grids[layer], tf.shape(x)[1:3]))
            for layer, x in found.items()
        }

    tops, moments = {}, dict.fromkeys(layers, 0.0)
    for crops, images in batches:
        for layer, (*responses, sums) in strongest(crops).items():
            values, positions, colors = (x.numpy() for x in responses)
            if layer not in tops:
                tops[layer] = TopResponses(count, values.shape[-1])
            tops[layer].update(values, images, positions, colors)
            moments[layer] += sums.numpy()
    return {layer: (tops[layer], _variance(*moments[layer])) for layer in layers}


def _strongest(responses, colors):
    """Returns each photograph's strongest responses, where, in what color; moments."""
    width = tf.shape(responses)[2]
    batch, channels = tf.shape(responses)[0], responses.shape[-1]
    flat = tf.reshape(responses, [batch, -1, channels])
    best = tf.argmax(flat, axis=1)
    flat_colors = tf.reshape(colors, [batch, -1, 2])
    there = tf.gather(flat_colors, best, batch_dims=1)
    width = tf.cast(width, tf.int64)
    positions = tf.stack([best // width, best % width], axis=-1)
    number = tf.cast(tf.size(colors) // 2, tf.float64)
    first = tf.reduce_sum(colors, axis=[0, 1, 2])
    second = tf.reduce_sum(tf.square(colors))
    moments = tf.stack([number, first[0], first[1], second])
    return tf.reduce_max(flat, axis=1), positions, there, moments


def _variance(number, x, y, second):
    return float(second / number - (x / number) ** 2 - (y / number) ** 2)


def _summed_colors(crops):
    """Returns sums of the pixels' colors over all that is above and to the left.

    `[B, S + 1, S + 1, 2]`, float64, from `[B, S, S, 3]`.
    """
    hue, chroma = color.rgb_to_hue_chroma(
        tf.clip_by_value(crops + color.GRAY_MEAN, 0, 1)
    )
    angle = 2 * np.pi * hue
    colors = chroma[..., None] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
    padded = tf.pad(tf.cast(colors, tf.float64), [[0, 0], [1, 0], [1, 0], [0, 0]])
    return tf.cumsum(tf.cumsum(padded, axis=1), axis=2)


def patch_colors(sums, grid, size):
    """Returns the color of the patch at each position of a feature map.

    It is a point of the color plane. Its direction is that of the mean over the patch
    of the vectors whose direction is the hue and whose length is the chroma. Its
    distance from gray is the square root of that mean's length: otherwise a vivid and a
    pale green would be farther apart than a pale green and a pale red.

    The patch is the central half, in height and width, of the receptive field, which
    has at most the size of the crop: the responses depend less on what is outside.

    Args:
        sums: `[B, S + 1, S + 1, 2]`, sums of the colors above and to the left.
        grid: What `networks.grids` has for the layer.
        size: Height and width of the feature map.

    Returns:
        `[B, H, W, 2]`.
    """
    crop = tf.shape(sums)[1] - 1
    side = tf.maximum(tf.minimum(grid.field, crop) // 2, 1)

    def ends(count):
        center = grid.offset + grid.stride * tf.cast(tf.range(count), tf.float32)
        first = center - tf.cast(side - 1, tf.float32) / 2
        # The last maps' windows may be centered beyond the crop.
        first = tf.minimum(tf.cast(tf.math.floor(first + 0.5), tf.int32), crop - 1)
        last = tf.maximum(first + side, 1)
        return tf.maximum(first, 0), tf.minimum(last, crop)

    (top, bottom), (left, right) = ends(size[0]), ends(size[1])
    lower, upper = tf.gather(sums, bottom, axis=1), tf.gather(sums, top, axis=1)
    band = lower - upper
    total = tf.gather(band, right, axis=2) - tf.gather(band, left, axis=2)
    pixels = (bottom - top)[:, None] * (right - left)
    mean = total / tf.cast(pixels, total.dtype)[..., None]
    length = tf.norm(mean, axis=-1, keepdims=True)
    return tf.math.divide_no_nan(mean, tf.sqrt(length))
