"""The photographs that analyses show to networks, as batches of center crops."""

import dataclasses

import numpy as np

from selfsup import data
from selfsup.analysis.frozen_networks import LayersConfig
from selfsup.data import shares
from selfsup.data.labelled_batches import evaluation_batches
from selfsup.evaluation.probes import CenterCrops
from selfsup.progress import progress_bar
from selfsup.settings import changed, setting

# Feature maps of all layers are held for so many photographs at once.
_BATCH_SIZE = 8


@dataclasses.dataclass(frozen=True)
class PhotographsConfig(LayersConfig):
    """Settings of all analyses: photographs, crops and layers.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    layers: str = changed(
        LayersConfig,
        "layers",
        "",
        "Layers to look at, with commas between. Default: those of the hypercolumn; "
        "for top_patches the last convolution's. Field-of-view blocks are left out.",
    )
    names: tuple[str, ...] = setting(
        (), "Labels of the networks, in their order. Default: names of their folders."
    )
    data: tuple[str, ...] = changed(
        data.PipelineConfig,
        "data",
        (),
        "Photographs to look at, best such that no network was trained on: folders, "
        "list files, image files or tfds:NAME/SPLIT. Empty: the embedded photographs.",
    )
    images: int = setting(
        500, "Photographs at most, evenly spaced over those given.", 2
    )
    crop_size: int | None = setting(
        None,
        "Side of the center crops. Default: that in the training's config.json, else "
        "the network's.",
        8,
    )
    side: int | None = setting(
        None, "Shortest side that images are scaled to. Default: 8/7 of the crop.", 8
    )

    def crops(self, size, color):
        """Returns how photographs are cut.

        Args:
            size: Side of the crop; see `frozen_networks.crop_size_of`.
            color: Whether crops have color.

        Raises:
            ValueError: If `side` is smaller than the crop.
        """
        crops = CenterCrops.of_size(size, self.side, color)
        return crops._replace(batch_size=_BATCH_SIZE)


def open_photographs(config):
    """Opens the photographs of an analysis.

    Args:
        config: A `PhotographsConfig`.

    Returns:
        A `data.LabeledSet` of a single class, of `config.images` at most.

    Raises:
        FileNotFoundError: If a source does not exist.
        ValueError: If it holds no images or has a share.
    """
    shares.check_none(config.data)
    images = data.open_images(config.data)
    labels = np.zeros(len(images), np.int64)
    folder = ", ".join(config.data) or "the embedded photographs"
    samples = data.LabeledSet(images, ("photograph",), labels, folder)
    return samples.subset(data.evenly_spaced(images, config.images))


def batches(samples, crops, title=None):
    """Yields the photographs of a set, in order.

    Args:
        samples: A `data.LabeledSet`.
        crops: What `PhotographsConfig.crops` returned.
        title: Name of a progress bar, or None for no bar.

    Yields:
        Pairs of `[B, S, S, C]`, float32, what a network takes, and the photographs'
        numbers `[B]`, int64.

    Raises:
        ValueError: If a photograph can't be decoded; it is named.
    """
    stream = data.decoded(evaluation_batches(samples, crops), samples)
    count = -(-len(samples) // crops.batch_size)
    for images, _, weights, about in progress_bar(
        stream, title, count, "batch", disable=title is None, leave=False
    ):
        (cut,) = images.values()
        # Without what fills the last batch.
        usable = weights["label"].numpy() > 0
        yield cut.numpy()[usable, 0], about["index"].numpy()[usable]
