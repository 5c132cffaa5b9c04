"""The networks that a probe compares: a given one, and a random one of its kind."""

import dataclasses
import os
import pathlib

import keras

from selfsup import networks, runs
from selfsup.settings import Config, setting
from selfsup.training.downstream_config import DownstreamConfig
from selfsup.training.initial_backbone import initial_backbone, rebalanced

# Names of the two in results.
GIVEN, RANDOM = "given", "random"


@dataclasses.dataclass(frozen=True)
class FrozenConfig(Config):
    """Settings of all probes."""

    layers: str = setting(
        "", "Layers to probe, with commas between. Default: those of the hypercolumn."
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

    def layer_names(self, backbone):
        """Returns the layers that are probed, a tuple of names."""
        if not self.layers:
            return tuple(tap.layer for tap in networks.taps(backbone))
        return tuple(name.strip() for name in self.layers.split(","))


def open_network(ckpt, config):
    """Opens the network to probe.

    Batch normalization is absorbed, as for fine-tuning.

    Args:
        ckpt: What `--init` of a training takes: a workdir, a file, `imagenet`, a name
            from the zoo, or `random`.
        config: A `FrozenConfig`.

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
            color=config.color,
            fov_blocks=0,
        )
    )


def compared(ckpt, backbone, config, images):
    """Returns the networks to probe by name: `given` and, if wanted, `random`.

    The random network is the one that fine-tuning from scratch starts from.

    Args:
        ckpt: As in `open_network`.
        backbone: What it returned.
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
    other = open_network("random", dataclasses.replace(config, **fields))
    return {GIVEN: backbone, RANDOM: rebalanced(other, images)}


def crop_size_of(ckpt, backbone):
    """Returns the side of the crops that a network was trained on, in pixels."""
    settings = {}
    if os.path.isdir(ckpt):
        settings = runs.read_settings(pathlib.Path(ckpt, "config.json")) or {}
    default = networks.ARCHITECTURES[networks.recognize(backbone)].crop_size
    return settings.get("crop_size") or default


def output_folder(ckpt, output=None):
    """Returns where the report goes: `probe` in the workdir, else `runs/probe`.

    Args:
        ckpt: As in `open_networks`.
        output: The folder that was asked for, or None.
    """
    inside = pathlib.Path(ckpt, "probe") if os.path.isdir(ckpt) else "runs/probe"
    return pathlib.Path(output or inside).expanduser()
