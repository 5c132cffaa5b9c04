"""The signatures of an export: functions that a model server calls.

All inputs and outputs have the batch first, as the server wants it. The images of
a batch are processed one after the other, so that memory does not grow with it;
except for `features`, whose batch is limited as a whole.
"""

import keras
import tensorflow as tf

from selfsup import color, networks
from selfsup.data import decoding as data_decoding
from selfsup.export import decoding

_DEFAULT_TAPS = 3
_OVERSHOOT = data_decoding.OVERSHOOT

_PIXELS = tf.TensorSpec([None, None, None, 3], tf.float32, "pixels")


def serving_default(head, max_pixels, max_side=None):
    """Returns the function of encoded images, of any sizes in one batch.

    Args:
        head: A `ServingHead`.
        max_pixels: Largest number of pixels of an image.
        max_side: Its largest side in pixels; None for no such limit.

    Returns:
        A `tf.function` from `image_bytes [B]`, string, to a dict.
    """

    def answer(encoded):
        image = decoding.decode(encoded, max_pixels)
        with tf.control_dependencies(_checked_sides(tf.shape(image), max_side)):
            image = tf.cast(image, tf.float32) / 255.0
        return head.encode(head.predict(image))

    @_graph(tf.TensorSpec([None], tf.string, "image_bytes"))
    def serve(image_bytes):
        return _one_by_one(answer, image_bytes)

    return serve


def pixels(head, max_pixels, max_side=None):
    """Returns the function of float images; see `serving_default`.

    Its input is `pixels [B, H, W, 3]`, float32 RGB in `[0, 1]`.
    """

    @_graph(_PIXELS)
    def serve(pixels):
        return _one_by_one(head.predict, _checked(pixels, max_pixels, max_side))

    return serve


def features(exported, layers, max_pixels, max_side=None):
    """Returns the function from float images to activations, at their own scale.

    Args:
        exported: An `ExportedModel`.
        layers: Names of layers; empty for the three deepest taps.
        max_pixels: Largest number of pixels of all images of a batch.
        max_side: As for `serving_default`.

    Returns:
        A `tf.function` from `pixels [B, H, W, 3]` to a dict; the outputs are named
        as the layers.

    Raises:
        ValueError: If there is no such layer, or one does not yield a map.
    """
    model = keras.Model(exported.image, _activations(exported.model, layers))

    @_graph(_PIXELS)
    def serve(pixels):
        values = _checked(pixels, max_pixels, max_side, together=True)
        values = values if exported.color else color.rgb_to_gray(values)
        found = model(values - color.GRAY_MEAN, training=False)
        return {name: tf.cast(value, tf.float32) for name, value in found.items()}

    return serve


def _graph(spec):
    """Returns the decorator of functions of one tensor that are traced once."""
    return tf.function(input_signature=[spec], autograph=False)


def _activations(model, layers):
    maps = {layer.name: layer.output for layer in model.layers if _is_map(layer)}
    # A head may have been built on some of the taps only.
    layers = layers or _taps(model)[-_DEFAULT_TAPS:]
    unknown = [name for name in layers if name not in maps]
    if unknown:
        raise ValueError(
            "The network has no such layer with a feature map. Expected --features "
            f"of {', '.join(maps)}. Received: {', '.join(unknown)}"
        )
    return {name: maps[name] for name in layers}


def _taps(model):
    if "hypercolumn" in {layer.name for layer in model.layers}:
        *taps, _ = model.get_layer("hypercolumn").input
        maps = [layer for layer in model.layers if _is_map(layer)]
        names = {id(layer.output): layer.name for layer in maps}
        return [names[id(tap)] for tap in taps]
    return [tap.layer for tap in networks.taps(model)]


def _is_map(layer):
    output = layer.output
    return not isinstance(output, (dict, list, tuple)) and len(output.shape) == 4


def _checked(pixels, max_pixels, max_side, together=False):
    """Refuses what cannot be answered, and holds values inside [0, 1].

    They may lie a little beyond it, as those of scaled images do.
    """
    shape = tf.shape(pixels)
    count = shape[0] if together else 1
    low, high = tf.reduce_min(pixels), tf.reduce_max(pixels)
    finite = tf.reduce_all(tf.math.is_finite(pixels))
    inside = (low >= -_OVERSHOOT) & (high <= 1.0 + _OVERSHOOT)
    checks = [
        tf.debugging.Assert(
            shape[0] > 0, ["There are no images. Expected at least one."]
        ),
        data_decoding.check_size(shape[1], count * shape[2], max_pixels),
        tf.debugging.Assert(
            finite, ["Pixels are not finite. Expected numbers in [0, 1]."]
        ),
        tf.debugging.Assert(
            inside | ~finite,
            ["Pixels are beyond [0, 1]. Expected RGB in it. Received:", low, high],
        ),
        *_checked_sides(shape[1:], max_side),
    ]
    with tf.control_dependencies(checks):
        return tf.clip_by_value(pixels, 0.0, 1.0)


def _checked_sides(shape, max_side):
    if max_side is None:
        return []
    longest = tf.maximum(shape[0], shape[1])
    message = f"The image has a side of over {max_side} pixels:"
    return [tf.debugging.Assert(longest <= max_side, [message, longest])]


def _one_by_one(answer, batch):
    answer = _graph(tf.TensorSpec(batch.shape[1:], batch.dtype))(answer)
    outputs = answer.get_concrete_function().structured_outputs
    specs = tf.nest.map_structure(tf.TensorSpec.from_tensor, outputs)
    return tf.map_fn(answer, batch, parallel_iterations=1, fn_output_signature=specs)
