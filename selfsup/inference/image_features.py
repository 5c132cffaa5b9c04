"""Features of images as they come: paths, arrays, and lists of them."""

import functools

import numpy as np
import tensorflow as tf

from selfsup import color, data, networks
from selfsup.inference import colorization, frozen_features
from selfsup.inference.image_arrays import as_pixels
from selfsup.inference.image_coloring import DEFAULT_SIDE

# So many batches of images are sorted by size at once.
AHEAD = 8


def features(
    model, images, layer=None, pool="mean", short_side=DEFAULT_SIDE, batch_size=16
):
    """Returns what a layer of a network makes of images, each seen whole.

    Args:
        model: A backbone, or a colorizer, segmenter or classifier. It is compiled at
            the first call, and kept for the next.
        images: The path of an image file, an array `[H, W, 3]`, `[H, W, 1]` or
            `[H, W]`, uint8 or float in `[0, 1]`, or a list of these. Sizes may differ.
        layer: Name of a layer with one feature map; None for the last of the network.
        pool: `"mean"` or `"max"` over the map, or `"none"` for the whole map.
        short_side: Shortest side that images are scaled to, in pixels, best that of
            the training; None for their own.
        batch_size: Images of one size that are given to the network at once.

    Returns:
        `[C]`, float32, NumPy, or `[h, w, C]` with `pool="none"`. For a list `[N, C]`,
        or a list of `[h, w, C]`.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If an image is of another type.
        ValueError: If a file cannot be decoded, an array is of another shape or range,
            an image is too small for the network, there is no such layer or pooling,
            a number is below 1, or `layer` is None and the model is of no network of
            this package.

    Example:

        model = weights.zoo.load("sample")
        embedding = inference.features(model, ["a.jpg", "b.png"])  # [2, C]
    """
    for name, number in (("short_side", short_side), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise ValueError(
                f"A number is too small. Expected `{name}` of at least 1. "
                f"Received: {number}"
            )
    extractor = _extractor(model, layer, pool)
    several = isinstance(images, (list, tuple))
    images, found = images if several else [images], []
    for start in range(0, len(images), AHEAD * batch_size):
        part = images[start : start + AHEAD * batch_size]
        inputs = [extractor.network_input(as_pixels(x), short_side) for x in part]
        result = [None] * len(part)
        for numbers in same_size(inputs, batch_size):
            values = extractor.predict([inputs[i] for i in numbers])
            for number, value in zip(numbers, values, strict=True):
                result[number] = value
        found += result
    if not several:
        return found[0]
    if pool == "none":
        return found
    return np.reshape(found, [len(found), extractor.channels]).astype(np.float32)


class FeatureExtractor:
    """A network compiled up to one of its layers.

    Args:
        model: As in `features`, and so are the others.
        layer: Name of the layer.
        pool: How its map is pooled.

    Attributes:
        layer: Name of the layer.
        channels: Length `C` of the features.
        color: Whether the network takes color.

    Raises:
        ValueError: As `features`.
    """

    def __init__(self, model, layer=None, pool="mean"):
        self.layer = networks.taps(model)[-1].layer if layer is None else layer
        predict = frozen_features.pooled_feature_predictor(model, [self.layer], pool)
        self._predict = predict
        self.channels = model.get_layer(self.layer).output.shape[-1]
        self.color = frozen_features.image_input(model).shape[-1] == 3
        known = networks.is_network(model) and networks.recognize(model)
        self._min_size = networks.ARCHITECTURES[known].min_size if known else 1

    def network_input(self, pixels, short_side=None):
        """Turns an image into what the network takes.

        Args:
            pixels: `[H, W, 3]` or `[H, W, 1]`, uint8, or float32 in `[0, 1]`.
            short_side: As in `features`; a very long image comes out smaller, as
                `resize_short_side` says.

        Returns:
            `[h, w, C]`, float32, NumPy: in `[0, 1]` minus 0.4488.
        """
        # On the CPU: many threads prepare images for one device.
        with tf.device("CPU"):
            if pixels.dtype == np.uint8:
                pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
                values = data.as_network_input(pixels, self.color) + color.GRAY_MEAN
            elif self.color:
                values = tf.broadcast_to(pixels, (*pixels.shape[:2], 3))
            else:
                values = pixels if pixels.shape[-1] == 1 else color.rgb_to_gray(pixels)
            values = colorization.resize_short_side(values, short_side)
            return np.asarray(values - color.GRAY_MEAN)

    def predict(self, inputs):
        """Computes the features of images of one size.

        Args:
            inputs: List of what `network_input` returned.

        Returns:
            `[n, C]` or `[n, h, w, C]`, float32, NumPy.

        Raises:
            ValueError: If they are too small for the network.
        """
        height, width = inputs[0].shape[:2]
        # TensorFlow computes garbage on a CPU then.
        if min(height, width) < self._min_size:
            raise ValueError(
                "An image is too small for the network. Expected at least "
                f"{self._min_size} pixels, after scaling, on its shortest side. "
                f"Received: {height} x {width} pixels"
            )
        (found,) = self._predict(np.stack(inputs))
        return found.numpy()


def same_size(inputs, batch_size):
    """Divides images into batches of one size each.

    Args:
        inputs: List of arrays.
        batch_size: Images of a batch at most.

    Yields:
        Lists of numbers of images, each in order; those of the first image's size come
        first.
    """
    sizes = {}
    for number, image in enumerate(inputs):
        sizes.setdefault(image.shape, []).append(number)
    for numbers in sizes.values():
        for start in range(0, len(numbers), batch_size):
            yield numbers[start : start + batch_size]


# The last one: a model is small beside what compiling it again takes.
_extractor = functools.lru_cache(maxsize=1)(FeatureExtractor)
