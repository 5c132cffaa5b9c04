"""The backbone that a downstream run starts from."""

import keras
from absl import logging

from selfsup import networks, runs, weights
from selfsup.networks import units


def initial_backbone(config):
    """Builds the backbone that a configuration starts from.

    A pretrained AlexNet or VGG-16 has its batch normalisation absorbed; ResNet
    keeps it. A random one is He's, without normalisation but for ResNet (paper
    section 4). New field-of-view blocks are He's too. Rebalancing comes after,
    by `balanced`.

    Args:
        config: A `VocConfig`.

    Returns:
        A backbone whose input is gray, or RGB with `color`.

    Raises:
        FileNotFoundError: If the weights are missing.
        ValueError: If they do not fit the configuration.
    """
    if config.init == "random":
        backbone = _random(config)
    else:
        backbone = _pretrained(config)
    to_input = weights.gray_to_rgb if config.color else weights.rgb_to_gray
    return to_input(backbone)


def _random(config):
    network = config.network or "vgg16"
    residual = networks.ARCHITECTURES[network].residual
    return networks.ARCHITECTURES[network].builder(
        width=config.width or 1.0,
        padding=config.padding or "zeros",
        normalization="plain" if residual else "none",
        fov_blocks=config.fov_blocks,
        kernel_initializer="he_normal",
        **_task_arguments(config, network),
    )


def _pretrained(config):
    path = config.init
    if path == "imagenet":
        loaded, _ = weights.applications.load(config.network or "vgg16")
    else:
        loaded = runs.open_run(path, "backbone.keras").model
    try:
        found = networks.describe(loaded)
    except ValueError as error:
        raise ValueError(
            "The weights are of no network of this package. Expected a backbone or "
            f"a colorizer. Received: --init {path} ({error})"
        ) from error
    _check_agreement(config, found, path)
    # Without the head that the file may hold.
    backbone = networks.build(found)
    report = weights.load(backbone, loaded)
    logging.info("Copied %d parameters from %s", len(report.rows), path)
    if not networks.ARCHITECTURES[found["network"]].residual:
        backbone = weights.absorb(backbone)
    return weights.adapt(
        backbone,
        fov_blocks=config.fov_blocks,
        kernel_initializer="he_normal",
        **_task_arguments(config, found["network"]),
    )


def _task_arguments(config, network):
    """Returns the builder's arguments that the task decides."""
    if networks.ARCHITECTURES[network].residual:
        return {}
    # Classification sees a whole crop in fc6, where the crop is large enough.
    valid = config.task == "classification" and not 0 < config.crop_size < 224
    return {"dropout": config.dropout, "fc6_padding": "valid" if valid else "same"}


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
    """Tells whether a width gives the channels of the file: several may."""
    one, other = units.Units(found["width"]), units.Units(width)
    counts = networks.ARCHITECTURES[found["network"]].filters.values()
    return all(one.channels(count) == other.channels(count) for count in counts)


def balanced(backbone, images):
    """Rebalances a backbone, unless batch normalisation does that anyway.

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
    if trainable == "none":
        first = len(names)
    else:
        # A residual block begins with its branches: res5a_branch2a.
        matching = [
            index
            for index, name in enumerate(names)
            if name == trainable or name.startswith(f"{trainable}_")
        ]
        if not matching:
            layers = [layer.name for layer in backbone.layers if layer.weights]
            raise ValueError(
                "There is no such layer. Expected --trainable all, none or one of "
                f"{', '.join(layers)}. Received: --trainable {trainable}"
            )
        first = matching[0]
    for layer in backbone.layers[:first]:
        if not layer.name.endswith(("8_1", "9_1")):
            layer.trainable = False
