"""The networks that a probe compares: a given one, and a random one of its kind."""

import dataclasses
import os
import pathlib

import keras

from selfsup import networks, runs
from selfsup.settings import Config, fail, setting
from selfsup.training.downstream_config import DownstreamConfig
from selfsup.training.initial_backbone import initial_backbone, rebalanced

# Names of the two in results.
GIVEN, RANDOM = "given", "random"


@dataclasses.dataclass(frozen=True)
class FrozenConfig(Config):
    """Settings of all probes."""

    layers: str = setting(
        "",
        "Layers to probe, with commas between. Default: those of the hypercolumn. "
        "Field-of-view blocks are left out.",
    )
    random: bool = setting(
        True, "Probe a random network of the same architecture too, as a baseline."
    )
    network: str | None = setting(
        None, "Backbone, where --ckpt is random or imagenet. Default: vgg16."
    )
    width: float | None = setting(
        None, "Factor on channels, where --ckpt is random. Default: 1.", 0
    )
    color: bool = setting(False, "Give the network color instead of gray.")
    seeds: int = setting(5, "Random draws, whose mean and spread are reported.", 1)

    def layer_names(self, backbone, with_input=True):
        """Returns the layers that are probed, a tuple of names.

        Args:
            backbone: A model of `selfsup.networks`.
            with_input: Whether the input, which the hypercolumn reads too, is one.
        """
        if not self.layers:
            names = [tap.layer for tap in networks.taps(backbone)]
            return tuple(x for x in names if with_input or x != backbone.input.name)
        return tuple(dict.fromkeys(x.strip() for x in self.layers.split(",")))


def open_network(ckpt, config, padding=None):
    """Opens the network to probe.

    Batch normalization is absorbed, as for fine-tuning.

    Args:
        ckpt: What `--init` of a training takes: a workdir, a file, `imagenet`, a name
            from the zoo, or `random`.
        config: A `FrozenConfig`.
        padding: Padding of a random network; None for zeros.

    Returns:
        A backbone.

    Raises:
        FileNotFoundError: If the weights are missing.
        ValueError: If they do not fit the configuration.
    """
    keras.utils.set_random_seed(0)
    return initial_backbone(
        DownstreamConfig(
            init=ckpt,
            network=config.network,
            width=config.width,
            padding=padding,
            color=config.color,
            fov_blocks=0,
        )
    )


def compared(ckpt, backbone, config, images):
    """Returns the networks to probe by name: `given` and, if wanted, `random`.

    The random network is the one that fine-tuning from scratch starts from.

    Args:
        ckpt: What `backbone` was opened from.
        backbone: What `open_network` returned.
        config: A `FrozenConfig`.
        images: Iterable of batches `[N, S, S, C]` of the networks' input, on which a
            random network is rebalanced.
    """
    if ckpt == "random":
        return {GIVEN: rebalanced(backbone, images)}
    if not config.random:
        return {GIVEN: backbone}
    about = networks.describe(backbone)
    fields = {name: about[name] for name in ("network", "width")}
    config = dataclasses.replace(config, **fields)
    other = open_network("random", config, about["padding"])
    return {GIVEN: backbone, RANDOM: rebalanced(other, images)}


def crop_size_of(ckpt, backbone, given=None):
    """Returns the side of the crops: of the training's `config.json`, if there is one.

    Args:
        ckpt: As in `open_network`.
        backbone: What `open_network` returned.
        given: The side that was asked for, in pixels, or None.

    Raises:
        ValueError: If it is too small for the network.
    """
    architecture = networks.ARCHITECTURES[networks.recognize(backbone)]
    size = given or _trained_crop_size(ckpt) or architecture.crop_size
    if size < architecture.min_size:
        name = architecture.name
        fail("crop_size", size, f"at least {architecture.min_size} for {name}")
    return size


def _trained_crop_size(ckpt):
    path = pathlib.Path(ckpt)
    folder = path if path.is_dir() else path.parent
    return (runs.read_settings(folder / "config.json") or {}).get("crop_size")


def output_folder(ckpt, output=None, name="probe"):
    """Returns where a report goes: a folder in the workdir, or in `runs`.

    Args:
        ckpt: As in `open_network`.
        output: The folder that was asked for, or None.
        name: Name of the folder.
    """
    inside = ckpt if os.path.isdir(ckpt) else "runs"
    return pathlib.Path(output or pathlib.Path(inside, name)).expanduser()
