"""The same weights in a network that was built with other arguments."""

import keras

from selfsup import layers, networks
from selfsup.networks import units
from selfsup.weights import assignment, memory

# Attributes that are part of a layer's function or training and may have been
# changed since it was built.
CONSTANTS = {
    layers.LocalResponseNormalization: ("depth_radius", "alpha", "beta", "bias"),
    keras.layers.BatchNormalization: ("epsilon", "momentum"),
    keras.layers.Dropout: ("rate",),
}

# Arguments of the builders that set some of them.
_ARGUMENTS = {"bn_momentum": "momentum", "dropout": "rate"}

_FOV_LAYERS = {
    name
    for convolution in ("conv8_1", "conv9_1")
    for name in (convolution, *units.sequential_names(convolution))
}


def adapt(model, **changes):
    """Builds a backbone with other arguments and copies the weights into it.

    Weights are copied by name. Layers that only the new network has are
    initialized; field-of-view blocks that it lacks are dropped. Attributes that
    the builders do not set, such as the `alpha` of local response normalization
    after `rebalance`, are kept, and so are frozen layers. The new network
    computes in the precision of Keras' current global policy.

    Args:
        model: A backbone of `selfsup.networks`; it is not changed.
        **changes: Arguments of its builder, such as `fov_blocks=2`,
            `fc6_padding="valid"`, `dropout=0.0`. `kernel_initializer` affects
            new layers only.

    Returns:
        A new `keras.Model`.

    Raises:
        ValueError: If weights have another shape in the new network (see
            `gray_to_rgb` for another number of input channels), if it lacks
            some (those of a head, or of a normalization, see `absorb`), or if
            an argument is out of range.
        TypeError: If the builder has no such argument.

    Example:

    >>> backbone = networks.vgg16(width=0.05)
    >>> adapt(backbone, fov_blocks=2).output.shape  # 1,024 filters at width 1.
    (None, None, None, 52)
    """
    result = networks.build({**networks.describe(model), **changes})
    known = assignment.parameters(result)
    values = {name: memory.view(variable) for name, variable in known.items()}
    for name, variable in assignment.parameters(model).items():
        if name in known or assignment.layer_of(name) not in _FOV_LAYERS:
            values[name] = memory.view(variable)
    assignment.assign(result, values, origin=f"model {model.name!r}")
    changed = {_ARGUMENTS[name] for name in changes if name in _ARGUMENTS}
    copy_constants(model, result, CONSTANTS, changed)
    frozen = {layer.name for layer in model.layers if not layer.trainable}
    for layer in result.layers:
        if layer.name in frozen:
            layer.trainable = False
    return result


def copy_constants(source, target, kinds, changed=()):
    """Copies constants of layers to the layers of the same name in another model.

    Args:
        source: The model to copy from.
        target: The model to change.
        kinds: Classes of layers, keys of `CONSTANTS`.
        changed: Names of constants to leave as they are.

    Returns:
        Names of the constants that were changed, such as `norm1/alpha`.
    """
    namesakes = {layer.name: layer for layer in source.layers}
    copied = []
    for layer in target.layers:
        other = namesakes.get(layer.name)
        if type(layer) not in kinds or type(other) is not type(layer):
            continue
        for name in CONSTANTS[type(layer)]:
            value = getattr(other, name)
            if name not in changed and getattr(layer, name) != value:
                setattr(layer, name, value)
                copied.append(f"{layer.name}/{name}")
    return copied
