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
    maps = feature_maps(backbone, layers)
    channels = backbone.input.shape[-1]
    signature = tf.TensorSpec([None, None, None, channels], tf.float32)

    @tf.function(input_signature=[signature])
    def predict(images):
        return [tf.reduce_mean(x, axis=[1, 2]) for x in maps(images).values()]

    return predict


def feature_maps(backbone, layers):
    """Cuts a network off at some of its layers.

    Args:
        backbone: A model of `selfsup.networks`.
        layers: Names of layers with one feature map `[B, H, W, C]`.

    Returns:
        A function from `[B, S, S, C]`, float32, what the network takes, to a dict from
        each layer to `[B, H, W, C_i]`, float32; runs in graphs.

    Raises:
        ValueError: If there is no such layer, or it has no feature map.
    """
    check_layers(backbone, layers)
    # By name: Keras unpacks lists of one.
    outputs = {name: backbone.get_layer(name).output for name in layers}
    model = keras.Model(backbone.input, outputs)

    def maps(images):
        found = model(images, training=False)
        return {name: tf.cast(found[name], tf.float32) for name in layers}

    return maps


def check_layers(backbone, layers):
    """Raises a ValueError unless a network has layers with one feature map.

    Args:
        backbone: A model of `selfsup.networks`.
        layers: Names of the layers.
    """
    known = [layer.name for layer in backbone.layers if _has_map(layer)]
    for name in layers:
        if name not in known:
            raise ValueError(
                f"There is no such layer. Expected one of {', '.join(known)}. "
                f"Received: {name!r}"
            )


def _has_map(layer):
    output = layer.output
    return isinstance(output, keras.KerasTensor) and len(output.shape) == 4
