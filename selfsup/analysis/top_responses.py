"""The strongest responses of all features of some layers, in one pass."""

import numpy as np
import tensorflow as tf

from selfsup import inference, networks
from selfsup.analysis.patch_colors import PatchColors


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


def top_responses(backbone, layers, batches, count, border=True):
    """Finds where the features of some layers respond most strongly.

    Memory does not grow with the number of photographs.

    Args:
        backbone: A model of `selfsup.networks`.
        layers: Names of layers.
        batches: Iterable of pairs of color crops `[B, S, S, 3]`, float32 in [0, 1]
            minus 0.4488, and the photographs' numbers `[B]`.
        count: How many responses of each feature are kept.
        border: Whether responses count whose patch is cut off by the border.

    Returns:
        A dict from each layer to a pair: `TopResponses`, and the variance of the colors
        of the patches at all positions that count; see `color_consistency`.

    Raises:
        ValueError: If there is no such layer, or no response counts.
    """
    maps = inference.feature_maps(backbone, layers)
    grids = networks.grids(backbone)
    takes_color = inference.takes_color(backbone)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def strongest(crops):
        gray = tf.reduce_mean(crops, axis=-1, keepdims=True)
        found = maps(crops if takes_color else gray)
        colors = PatchColors(crops)
        return {
            layer: _strongest(x, *colors.of_map(grids[layer], tf.shape(x)[1:3], border))
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
            if not moments[layer][0]:
                raise ValueError(
                    "Every patch is cut off by the border. Expected larger crops, or "
                    f"--border. Received: layer {layer}, whose receptive field has "
                    f"{grids[layer].field} pixels, in crops of {crops.shape[1]}"
                )
    return {layer: (tops[layer], _variance(*moments[layer])) for layer in layers}


def _strongest(responses, colors, counting):
    """Returns each photograph's strongest responses, where, in what color; moments."""
    batch, width = tf.shape(responses)[0], tf.shape(responses, tf.int64)[2]
    responses = tf.where(counting[..., None], responses, -np.inf)
    flat = tf.reshape(responses, [batch, -1, responses.shape[-1]])
    best = tf.argmax(flat, axis=1)
    there = tf.gather(tf.reshape(colors, [batch, -1, 2]), best, batch_dims=1)
    positions = tf.stack([best // width, best % width], axis=-1)
    colors = tf.boolean_mask(colors, counting, axis=1)
    number = tf.cast(tf.size(colors) // 2, tf.float64)
    first = tf.reduce_sum(colors, axis=[0, 1])
    moments = [number, first[0], first[1], tf.reduce_sum(tf.square(colors))]
    return tf.reduce_max(flat, axis=1), positions, there, tf.stack(moments)


def _variance(number, x, y, second):
    return float(second / number - (x / number) ** 2 - (y / number) ** 2)
