"""Compiled networks up to some of their layers: what frozen features are."""

import keras
import tensorflow as tf


def pooled_feature_predictor(backbone, layers):
    """Compiles a network that averages the feature maps of some layers over space.

    Args:
        backbone: A model of `selfsup.networks`.
        layers: Names of layers with one feature map `[B, H, W, C]`.

    Returns:
        A function from `[B, S, S, C]`, float32, what the network takes, to a list of
        `[B, C_i]`, float32, in the order of `layers`.

    Raises:
        ValueError: If there is no such layer, or it has no feature map.

    Example:

    >>> backbone = networks.vgg16(width=0.05)
    >>> predict = pooled_feature_predictor(backbone, ["relu1_1", "relu4_3"])
    >>> [tuple(x.shape) for x in predict(tf.zeros([2, 32, 32, 1]))]
    [(2, 4), (2, 26)]
    """
    image = backbone.input
    maps = keras.Model(image, [_feature_map(backbone, name) for name in layers])
    signature = tf.TensorSpec([None, None, None, image.shape[-1]], tf.float32)

    @tf.function(input_signature=[signature])
    def predict(images):
        found = maps(images, training=False)
        return [tf.reduce_mean(tf.cast(x, tf.float32), axis=[1, 2]) for x in found]

    return predict


def _feature_map(backbone, name):
    known = [layer.name for layer in backbone.layers if _has_map(layer)]
    if name not in known:
        raise ValueError(
            f"There is no such layer. Expected one of {', '.join(known)}. "
            f"Received: {name!r}"
        )
    return backbone.get_layer(name).output


def _has_map(layer):
    output = layer.output
    return isinstance(output, keras.KerasTensor) and len(output.shape) == 4
