"""Networks without normalization, scaled to activations of equal size."""

import keras
import numpy as np
import tensorflow as tf

from selfsup import layers, networks
from selfsup.networks import units
from selfsup.weights import assignment, cloning, input_color

# Images at a time, however many come in one array.
_CHUNK = 16

# Layers whose output is scaled like their input, after their weights or
# constants, if any, were adjusted.
_PROPORTIONAL = (
    keras.layers.Dropout,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.ReLU,
    keras.layers.ZeroPadding2D,
    layers.Bias,
    layers.CeilMaxPooling2D,
    layers.LocalResponseNormalization,
)


def rebalance(model, images):
    """Scales every layer so that its ReLU has second moment 1.

    Without normalization the sizes of maps differ by orders of magnitude from
    layer to layer, and one learning rate suits few of them (paper section 5).
    ReLUs are homogeneous: to scale layer `l` by `m_l`, its kernel is multiplied
    by `m_l / m_(l-1)`, its bias and shift by `m_l`, and the `alpha` of the local
    response normalization after it is divided by `m_l ** 2`. The border of bias
    padding is scaled like the bias.

    Each map of a backbone is then `m_l` times what it was, and its output is
    scaled by the last `m_l`. The first kernel of a head is divided by these
    factors, so the outputs of a model with a head do not change.

    Args:
        model: A VGG or AlexNet with `normalization="none"`, or a model with a
            head of `selfsup.heads` on one, for points or whole crops. It is not
            changed.
        images: Samples `[N, H, W, C]`, float32 in [0, 1] minus 0.4488, or an
            iterable of such batches, whose sizes may differ. Every value of a
            map has the same weight.

    Returns:
        A new `keras.Model` of the same kind. Second moments are taken at the
        ReLU, before local response normalization, pool or dropout.

    Raises:
        ValueError: If the model has batch normalization, is a ResNet, or has a
            head of another kind; if there are no images, or images of another
            shape or dtype; or if a ReLU is 0 on all of them or not finite.

    Example:

    >>> model = networks.vgg16(width=0.02, normalization="none")
    >>> images = np.random.default_rng(0).random((4, 32, 32, 1), "float32") - 0.4488
    >>> balanced = rebalance(model, images)
    >>> relu = balanced.get_layer("relu3_1").output
    >>> moment = np.mean(np.square(keras.Model(balanced.input, relu)(images)))
    >>> round(float(moment), 3)
    1.0
    """
    _check(model)
    factors = {
        name: 1 / np.sqrt(moment)
        for name, moment in _second_moments(model, images).items()
    }
    values, settings = _scaled(model, factors)
    return cloning.clone(model, values, settings=settings)


def _check(model):
    description = networks.describe(model)
    normalization = description["normalization"]
    residual = networks.ARCHITECTURES[description["network"]].residual
    if residual or normalization != "none":
        raise ValueError(
            "Only a VGG or AlexNet can be rebalanced, with normalization='none', see "
            f"`weights.absorb`. Received: model={model.name!r} with {normalization=}"
        )


def _second_moments(model, images):
    """Returns the mean square of each ReLU, by name."""
    image = next(tensor for tensor in model.inputs if tensor.name != "points")
    relus = [x for x in model.layers if isinstance(x, keras.layers.ReLU)]
    maps = keras.Model(image, [layer.output for layer in relus])

    @tf.function(input_signature=[tf.TensorSpec(image.shape, tf.float32)])
    def measure(batch):
        outputs = maps(batch, training=False)
        squares = [tf.square(tf.cast(x, tf.float32)) for x in outputs]
        return [tf.reduce_mean(x) for x in squares], [tf.size(x) for x in squares]

    sums, counts = np.zeros(len(relus)), np.zeros(len(relus))
    for batch in _batches(images, image.shape[-1]):
        means, sizes = (np.float64(values) for values in measure(batch))
        sums += means * sizes
        counts += sizes
    if not counts.all():
        raise ValueError(
            "Argument `images` must hold at least one image. Received: none"
        )
    moments = dict(zip((layer.name for layer in relus), sums / counts, strict=True))
    wrong = [f"{name} {x:g}" for name, x in moments.items() if not 0 < x < np.inf]
    if wrong:
        raise ValueError(
            "Layers cannot be rebalanced on these images. Expected a positive, finite "
            f"mean square of every ReLU. Received: {', '.join(wrong)}"
        )
    return moments


def _batches(images, channels):
    for batch in [images] if hasattr(images, "shape") else images:
        array = np.asarray(batch)
        fits = array.ndim == 4 and array.shape[-1] == channels
        # A ReLU may hide values that are not finite.
        if not (fits and array.dtype.kind == "f" and np.isfinite(array).all()):
            raise ValueError(
                f"Argument `images` must hold batches [N, H, W, {channels}] of finite "
                "floats in [0, 1] minus 0.4488. "
                f"Received: {array.dtype} of shape {array.shape}"
            )
        for start in range(0, len(array), _CHUNK):
            yield array[start : start + _CHUNK].astype(np.float32)


def _scaled(model, factors):
    """Returns the new weights and the settings of layers that change.

    Args:
        model: The model.
        factors: Dict from the name of each ReLU to the factor on its output.
    """
    values, settings = assignment.arrays(model), {}
    # The factor on each tensor: a number, or one for each channel.
    growth = {id(tensor): 1.0 for tensor in model.inputs}
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        name, inputs = operation.name, keras.tree.flatten(operation.input)
        before = after = growth[id(inputs[0])]
        if isinstance(operation, input_color.CONVOLUTIONS):
            after = factors[units.sequential_names(name)[2]]
            values[f"{name}/kernel"] *= np.float32(after / before)
        elif isinstance(operation, layers.Bias):
            values[f"{name}/bias"] *= np.float32(after)
            values[f"{name}/shift"] *= np.float32(after)
        elif isinstance(operation, layers.LocalResponseNormalization):
            settings[name] = {"alpha": float(operation.alpha / after**2)}
        elif isinstance(operation, layers.SparseHypercolumn):
            *features, _ = inputs
            parts = [np.full(x.shape[-1], growth[id(x)]) for x in features]
            after = np.concatenate(parts)
        elif isinstance(operation, keras.layers.Dense):
            after = 1.0
            values[f"{name}/kernel"] /= np.float32(np.reshape(before, (-1, 1)))
        elif not isinstance(operation, _PROPORTIONAL) and np.any(before != 1.0):
            raise ValueError(
                "A layer does not scale like its input. Expected a backbone, or a "
                f"head for points or whole crops. Received: layer {name}"
            )
        for tensor in keras.tree.flatten(operation.output):
            growth[id(tensor)] = after
    return values, settings
