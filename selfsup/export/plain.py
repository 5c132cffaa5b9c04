"""Models of Keras' own layers alone, for where this package is not installed."""

import keras
import numpy as np
from keras import ops

from selfsup import heads, layers, networks, weights
from selfsup.networks import units
from selfsup.weights import assignment

# Kinds of models that Keras' own layers can make; all others read points.
KINDS = ("classifier", "single_label_classifier", heads.BACKBONE)


def of_stock_layers(model):
    """Builds the same function of Keras' own layers.

    Biases go into the layer before them: the convolution, into which normalization is
    absorbed first, or the normalization of a ResNet. The other layers keep their
    names, and their maps are equal up to rounding.

    AlexNet's overlapping pools are padded at the end, so it needs images of at least 39
    pixels a side. Its grouped convolutions become ones whose kernels are zero between
    the groups: Keras' own compile themselves with XLA on a CPU, at every call.

    Args:
        model: A backbone or a classifier with zero padding. It is not changed.

    Returns:
        A new `keras.Model` with the same inputs and outputs.

    Raises:
        ValueError: If the model has another head, bias padding, or is not made of a
            network of this package.

    Example:

    >>> model = of_stock_layers(networks.vgg16(width=0.02))
    >>> model.get_layer("conv1_1").use_bias, "bias1_1" in {x.name for x in model.layers}
    (True, False)
    """
    _check(model)
    network = networks.ARCHITECTURES[networks.recognize(model)]
    model = model if network.residual else weights.absorb(model)
    values = assignment.arrays(model)
    biased = _fold_biases(values, network)
    for layer in model.layers:
        if isinstance(layer, layers.BiasPaddedConv2D):
            kernel = f"{layer.name}/kernel"
            values[kernel] = _ungrouped(values[kernel], layer.groups)
        elif isinstance(layer, layers.LocalResponseNormalization):
            values |= _energy_weights(layer)

    def stock(layer):
        make = _STOCK.get(type(layer))
        if make is not None:
            return make(layer)
        config = {**layer.get_config(), **biased.get(layer.name, {})}
        return type(layer).from_config(config)

    # The same graph, not compiled.
    view = keras.Model(model.input, model.output, name=model.name)
    result = keras.models.clone_model(
        view,
        clone_function=stock,
        call_function=lambda layer, *args, **kwargs: layer(*args, **kwargs),
    )
    assignment.assign(result, values, origin=f"model {model.name!r}")
    return result


def _check(model):
    kind = heads.kind(model)
    if kind not in KINDS:
        raise ValueError(
            f"The head of a {kind} cannot be made of Keras' own layers. Expected a "
            "backbone or a classifier; --backbone leaves the head out. "
            f"Received: model={model.name!r}, a {kind}"
        )
    if networks.describe(model)["padding"] == "bias":
        raise ValueError(
            "Bias padding cannot be made of Keras' own layers. Expected a network that "
            "pads with zeros, or an output of another format. "
            f"Received: model={model.name!r} with padding='bias'"
        )


def _fold_biases(values, network):
    """Moves biases to the layers before them.

    Args:
        values: Dict from parameter to array; it is changed.
        network: An `Architecture`.

    Returns:
        A dict from the names of these layers to the arguments that let them have one.
    """
    biased = {}
    for name in (*network.filters, *units.FOV_FILTERS):
        batch, bias, _ = network.names_after(name)
        # A model that was exported so before has none.
        if f"{bias}/bias" not in values:
            continue
        value = np.float64(values.pop(f"{bias}/bias")) + values.pop(f"{bias}/shift")
        if f"{batch}/moving_mean" in values:
            biased[batch], parameter = {"center": True}, f"{batch}/beta"
        else:
            biased[name], parameter = {"use_bias": True}, f"{name}/bias"
        values[parameter] = np.float32(value)
    return biased


def _without_bias(layer):
    del layer
    return lambda x: x


def _convolution(layer):
    # All of them have stride 1 and odd kernels, so "same" pads as they do.
    return keras.layers.Conv2D(
        layer.filters,
        layer.kernel_size,
        padding="same",
        data_format="channels_last",
        kernel_initializer=layer.kernel_initializer,
        **_common(layer),
    )


def _ungrouped(kernel, groups):
    """Returns a kernel `[K, K, C, F]` of zeros where filters see another group."""
    height, width, depth, filters = kernel.shape
    dense = np.zeros((height, width, groups, depth, groups, filters // groups), "f4")
    for i, part in enumerate(np.split(kernel, groups, axis=-1)):
        dense[:, :, i, :, i] = part
    return dense.reshape(height, width, groups * depth, filters)


def _max_pooling(layer):
    # "same" pads one row at most, at the end, where the windows are pairs of rows.
    pairs = layer.pool_size == layer.strides == 2
    pad = (0, layer.strides - 1)

    def pool(x):
        if not pairs:
            # Zeros are as good as minus infinity here: x is not negative.
            x = keras.layers.ZeroPadding2D(
                (pad, pad),
                data_format="channels_last",
                **{**_common(layer), "name": f"{layer.name}_end"},
            )(x)
        return keras.layers.MaxPooling2D(
            layer.pool_size,
            layer.strides,
            padding="same" if pairs else "valid",
            data_format="channels_last",
            **_common(layer),
        )(x)

    return pool


def _response_normalization(layer):
    def normalize(x):
        energy = keras.layers.Conv2D(
            x.shape[-1],
            1,
            data_format="channels_last",
            trainable=False,
            dtype="float32",
            name=_energy(layer),
        )(ops.square(x))
        multiply = keras.layers.Multiply(**_common(layer))
        return multiply([x, ops.power(energy, -layer.beta)])

    return normalize


def _energy(layer):
    return f"{layer.name}_energy"


def _energy_weights(layer):
    """Returns what sums the squares of neighboring channels, as a 1x1 convolution."""
    place = np.arange(layer.output.shape[-1])
    near = np.abs(place[:, None] - place) <= layer.depth_radius
    return {
        f"{_energy(layer)}/kernel": np.float32(layer.alpha * near)[None, None],
        f"{_energy(layer)}/bias": np.full(place.shape, layer.bias, np.float32),
    }


def _common(layer):
    return {
        "name": layer.name,
        "dtype": layer.dtype_policy,
        "trainable": layer.trainable,
    }


# What makes each of this package's layers, as a function of tensors.
_STOCK = {
    layers.Bias: _without_bias,
    layers.BiasPaddedConv2D: _convolution,
    layers.CeilMaxPooling2D: _max_pooling,
    layers.LocalResponseNormalization: _response_normalization,
}
