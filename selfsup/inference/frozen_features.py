"""Compiled networks up to some of their layers: what frozen features are."""

import keras
import tensorflow as tf

# What becomes of a feature map `[B, H, W, C]`, by name.
POOLS = {
    "mean": lambda x: tf.reduce_mean(x, axis=[1, 2]),
    "max": lambda x: tf.reduce_max(x, axis=[1, 2]),
    "none": lambda x: x,
}


def pooled_feature_predictor(model, layers, pool="mean"):
    """Compiles a network that pools the feature maps of some layers over space.

    Args:
        model: A backbone, or a model with a head on one.
        layers: Names of layers with one feature map `[B, H, W, C]`.
        pool: `"mean"`, `"max"`, or `"none"` for the whole maps.

    Returns:
        A function from `[B, S, S, C]`, float32, what the network takes, to a list of
        `[B, C_i]` (of `[B, H_i, W_i, C_i]` for `"none"`), float32, in the order of
        `layers`.

    Raises:
        ValueError: If there is no such layer, it has no feature map, or `pool` is
            unknown.

    Example:

    >>> backbone = networks.vgg16(width=0.05)
    >>> predict = pooled_feature_predictor(backbone, ["relu1_1", "relu4_3"])
    >>> [tuple(x.shape) for x in predict(tf.zeros([2, 32, 32, 1]))]
    [(2, 4), (2, 26)]
    """
    if pool not in POOLS:
        raise ValueError(
            "There is no such pooling. Expected one of "
            f"{', '.join(POOLS)}. Received: pool={pool!r}"
        )
    maps = feature_maps(model, layers)
    channels = image_input(model).shape[-1]
    signature = tf.TensorSpec([None, None, None, channels], tf.float32)

    @tf.function(input_signature=[signature])
    def predict(images):
        return [POOLS[pool](x) for x in maps(images).values()]

    return predict


def feature_maps(model, layers):
    """Cuts a network off at some of its layers.

    Args:
        model: A backbone, or a model with a head on one.
        layers: Names of layers with one feature map `[B, H, W, C]`.

    Returns:
        A function from `[B, S, S, C]`, float32, what the network takes, to a dict from
        each layer to `[B, H, W, C_i]`, float32; runs in graphs.

    Raises:
        ValueError: If there is no such layer, or it has no feature map.
    """
    check_layers(model, layers)
    # By name: Keras unpacks lists of one.
    outputs = {name: model.get_layer(name).output for name in layers}
    cut = keras.Model(image_input(model), outputs)

    def maps(images):
        found = cut(images, training=False)
        return {name: tf.cast(found[name], tf.float32) for name in layers}

    return maps


def image_input(model):
    """Returns the input of a model that is an image, a `KerasTensor` `[B, H, W, C]`.

    Args:
        model: A Keras model; others of its inputs, such as points, are no images.

    Raises:
        ValueError: If it takes no image, as a model of jigsaw puzzles.
    """
    images = [tensor for tensor in model.inputs if len(tensor.shape) == 4]
    if not images:
        shapes = ", ".join(f"{x.name} {list(x.shape)}" for x in model.inputs)
        raise ValueError(
            "The model takes no image. Expected one with an input of [B, H, W, C]. "
            f"Received: {model.name}, which takes {shapes}"
        )
    return images[0]


def check_layers(model, layers):
    """Raises a ValueError unless a network has layers with one feature map.

    Args:
        model: A backbone, or a model with a head on one.
        layers: Names of the layers.
    """
    known = [layer.name for layer in model.layers if _has_map(layer)]
    for name in layers:
        if name not in known:
            raise ValueError(
                f"There is no such layer. Expected one of {', '.join(known)}. "
                f"Received: {name!r}"
            )


def _has_map(layer):
    output = layer.output
    return isinstance(output, keras.KerasTensor) and len(output.shape) == 4
