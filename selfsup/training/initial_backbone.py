"""The backbone that a downstream run starts from."""

import keras
from absl import logging

from selfsup import heads, networks, runs, weights
from selfsup.networks import units
from selfsup.weights import nesting


def initial_backbone(config, fc6_padding="same"):
    """Builds the backbone that a configuration starts from.

    Batch normalization of a pretrained AlexNet or VGG-16 is absorbed; ResNet
    keeps it. A random one has He's initializer and, unless the configuration says
    otherwise, no normalization but for ResNet (paper section 4). New field-of-view
    blocks have He's initializer too. Rebalancing comes after, by `rebalanced`.

    Args:
        config: A `DownstreamConfig`.
        fc6_padding: As in `networks.vgg16`; ResNet has no fc6.

    Returns:
        A backbone whose input is gray, or RGB with `color`.

    Raises:
        FileNotFoundError: If the weights are missing.
        ValueError: If they do not fit the configuration.
    """
    to_input = weights.gray_to_rgb if config.color else weights.rgb_to_gray
    return to_input(as_saved(config, fc6_padding))


def as_saved(config, fc6_padding="same"):
    """Builds the same backbone for the input that its weights were saved with.

    Args:
        config: As in `initial_backbone`; `color` is not used.
        fc6_padding: As in `initial_backbone`.

    Returns:
        A backbone whose input is gray or RGB.

    Raises:
        FileNotFoundError: If the weights are missing.
        ValueError: If they do not fit the configuration.
    """
    build = _random if config.init == "random" else _pretrained
    return build(config, fc6_padding)


def _random(config, fc6_padding):
    architecture = networks.ARCHITECTURES[config.network or "vgg16"]
    return architecture.builder(
        width=config.width or 1.0,
        padding=config.padding or "zeros",
        normalization="plain" if architecture.residual else config.normalization,
        **_new_layers(config, architecture, fc6_padding),
    )


def _pretrained(config, fc6_padding):
    path = config.init
    if path == "imagenet":
        loaded, _ = weights.applications.load(config.network or "vgg16")
    else:
        loaded = runs.open_run(path, [heads.BACKBONE]).model
    # Of a jigsaw puzzle's model the one within.
    inside = (x for x in nesting.all_layers(loaded) if isinstance(x, keras.Model))
    loaded = next(filter(networks.is_network, inside), loaded)
    try:
        found = networks.describe(loaded)
    except ValueError as error:
        raise ValueError(
            "The weights are of no network of this package. Expected a backbone or "
            f"a colorizer. Received: {path} ({error})"
        ) from error
    _check_agreement(config, found, path)
    # Without the head that the file may hold.
    backbone = networks.build(found)
    report = weights.load(backbone, loaded)
    logging.info("Copied %d parameters from %s", len(report.rows), path)
    architecture = networks.ARCHITECTURES[found["network"]]
    if not architecture.residual:
        backbone = weights.absorb(backbone)
    return weights.adapt(backbone, **_new_layers(config, architecture, fc6_padding))


def _new_layers(config, architecture, fc6_padding):
    """Returns the builder's arguments that the weights do not decide."""
    given = {"fov_blocks": config.fov_blocks, "kernel_initializer": "he_normal"}
    if architecture.residual:
        return given
    return {**given, "dropout": config.dropout, "fc6_padding": fc6_padding}


def _check_agreement(config, found, path):
    wanted = {name: getattr(config, name) for name in ("network", "width", "padding")}
    if wanted["width"] and _same_channels(found, wanted["width"]):
        wanted["width"] = found["width"]
    differing = [
        f"--{name} {value} where the file has {found[name]}"
        for name, value in wanted.items()
        if value and value != found[name]
    ]
    if differing:
        raise ValueError(
            f"The weights are of another network. Expected the flags of {path}, or "
            f"none: they come from the file. Received: {', '.join(differing)}"
        )


def _same_channels(found, width):
    """Returns whether a width gives the channels of the file: several may."""
    one, other = units.Units(found["width"]), units.Units(width)
    counts = networks.ARCHITECTURES[found["network"]].filters.values()
    return all(one.channels(count) == other.channels(count) for count in counts)


def rebalanced(backbone, images):
    """Rebalances a backbone, unless batch normalization does that anyway.

    Args:
        backbone: What `initial_backbone` returned.
        images: Iterable of batches `[N, H, W, C]` of its input.

    Returns:
        A backbone whose ReLU outputs have second moment 1 on the images.
    """
    if any(isinstance(x, keras.layers.BatchNormalization) for x in backbone.layers):
        return backbone
    logging.info("Rebalancing the layers on training images")
    return weights.rebalance(backbone, images)


def freeze(backbone, trainable):
    """Decides which layers learn.

    Args:
        backbone: A backbone; its layers are changed.
        trainable: `"all"`, `"none"`, or the name of the first layer that does,
            such as `conv4_1`, `fc6` or `res5a`: it and all after it learn
            (paper Table 6). Field-of-view blocks always learn, as the head does:
            they are new.

    Raises:
        ValueError: If there is no such layer.
    """
    if trainable == "all":
        return
    names = [layer.name for layer in backbone.layers]
    # A residual block begins with its branches: res5a_branch2a.
    found = [name for name in names if f"{name}_".startswith(f"{trainable}_")]
    if not found and trainable != "none":
        layers = ", ".join(layer.name for layer in backbone.layers if layer.weights)
        raise ValueError(
            "There is no such layer. Expected --trainable all, none or one of "
            f"{layers}. Received: --trainable {trainable}"
        )
    first = names.index(found[0]) if found else len(names)
    for layer in backbone.layers[:first]:
        if not layer.name.endswith(("8_1", "9_1")):
            layer.trainable = False
