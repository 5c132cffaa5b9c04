"""The networks that are probed or analyzed, and random ones of their kind."""

import dataclasses
import os
import pathlib

import keras

from selfsup import heads, networks, runs
from selfsup.settings import Config, fail, setting
from selfsup.training.downstream_config import DownstreamConfig
from selfsup.training.initial_backbone import (
    as_saved,
    initial_backbone,
    rebalanced,
)
from selfsup.weights import zoo

# Names of the two in results.
GIVEN, RANDOM = "given", "random"


@dataclasses.dataclass(frozen=True)
class LayersConfig(Config):
    """Which layers are looked at."""

    layers: str = setting(
        "",
        "Layers to look at, with commas between. Default: those of the hypercolumn. "
        "Field-of-view blocks are left out.",
    )

    def layer_names(self, backbone, with_input=True):
        """Returns the layers, a tuple of names.

        Args:
            backbone: A model of `selfsup.networks`.
            with_input: Whether the input, which the hypercolumn reads too, is one.
        """
        if not self.layers:
            names = [tap.layer for tap in networks.taps(backbone)]
            return tuple(x for x in names if with_input or x != backbone.input.name)
        return tuple(dict.fromkeys(x.strip() for x in self.layers.split(",")))


@dataclasses.dataclass(frozen=True)
class FrozenConfig(LayersConfig):
    """Settings of all probes."""

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


def open_saved(ckpt):
    """Opens a network for the input, gray or RGB, that it was saved with.

    Batch normalization is absorbed, as for fine-tuning.

    Args:
        ckpt: As in `open_network`.

    Returns:
        A backbone without field-of-view blocks.

    Raises:
        FileNotFoundError: If the weights are missing.
        ValueError: If they are of no network of this package.
    """
    keras.utils.set_random_seed(0)
    return as_saved(DownstreamConfig(init=ckpt, fov_blocks=0))


def random_like(backbone, images):
    """Returns a random network of the same architecture, rebalanced.

    It is the one that fine-tuning from scratch starts from.

    Args:
        backbone: A model of `selfsup.networks`.
        images: Iterable of batches `[N, S, S, C]` of the network's input.
    """
    about = networks.describe(backbone)
    keras.utils.set_random_seed(0)
    other = initial_backbone(
        DownstreamConfig(
            init="random",
            **{name: about[name] for name in ("network", "width", "padding")},
            color=about["input_channels"] == 3,
            fov_blocks=0,
        )
    )
    return rebalanced(other, images)


def compared(ckpt, backbone, config, images):
    """Returns the networks to probe by name: `given` and, if wanted, `random`.

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
    return {GIVEN: backbone, RANDOM: random_like(backbone, images)}


def crop_size_of(ckpt, backbone, given=None):
    """Returns the side of the crops: of the `config.json` beside it, if there is one.

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


def common_crop_size(ckpts, backbones, given=None):
    """Returns a side of crops for several networks: that of the first.

    Args:
        ckpts: What the networks were opened from.
        backbones: The networks.
        given: As in `crop_size_of`.

    Raises:
        ValueError: If it is too small for one of them.
    """
    size = given
    for ckpt, backbone in zip(ckpts, backbones, strict=True):
        size = crop_size_of(ckpt, backbone, size)
    return size


def labels(given, ckpts):
    """Returns what networks are called in reports, each differently.

    Args:
        given: Names, or nothing for those of the networks' folders.
        ckpts: What the networks were opened from.

    Raises:
        ValueError: If names are missing or repeated.
    """
    names = tuple(given) or tuple(map(_label, ckpts))
    if not given and len(set(names)) < len(names):
        # The same folder's name in several places.
        names = tuple(ckpts)
    if len(names) != len(ckpts) or len(set(names)) < len(names):
        raise ValueError(
            "Networks cannot be told apart. Expected a name of its own for each of "
            f"{len(ckpts)} networks. Received: {', '.join(map(repr, names))}"
        )
    return names


def _label(ckpt):
    path = pathlib.Path(ckpt)
    is_model = path.suffix == ".keras" and path.stem in (*heads.KINDS, heads.BACKBONE)
    # Of a file that every workdir has, and of a folder given as `.` or `..`.
    return (path.resolve().parent if is_model else path.resolve()).name


def check_same_features(ckpts, backbones):
    """Raises a ValueError unless two networks have the same features.

    Args:
        ckpts: Pair of what they were opened from.
        backbones: Pair of models of `selfsup.networks`.
    """
    one, other = (_features(backbone) for backbone in backbones)
    if one != other:
        raise ValueError(
            "Two networks have different features. Expected the same network, width "
            f"and input, gray or RGB. Received: {ckpts[0]} ({_shown(one)}) and "
            f"{ckpts[1]} ({_shown(other)})"
        )


def _features(backbone):
    about = networks.describe(backbone)
    return tuple(about[name] for name in ("network", "width", "input_channels"))


def _shown(features):
    network, width, channels = features
    return f"{network} of width {width:g}, {'gray' if channels == 1 else 'RGB'}"


def _trained_crop_size(ckpt):
    path = pathlib.Path(ckpt)
    if path.exists():
        folder = path if path.is_dir() else path.parent
    elif ckpt in zoo.names():
        folder = zoo.entry(ckpt).folder
    else:
        return None
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
