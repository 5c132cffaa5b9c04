"""Linear and nearest-neighbor probes of a network's layers on a labeled set."""

import dataclasses
import functools

import numpy as np

from selfsup import data, inference, runs
from selfsup.analysis import feature_cache, frozen_networks, probe_report
from selfsup.analysis.frozen_networks import FrozenConfig
from selfsup.data import label_transforms
from selfsup.data.labelled_batches import evaluation_batches
from selfsup.evaluation.probes import (
    KINDS,
    CenterCrops,
    pooled_features,
    probe_accuracies,
)
from selfsup.locking import locked
from selfsup.progress import progress_bar
from selfsup.settings import fail, setting

# Share of each class that is measured on where no images are given for that.
_VAL_FRACTION = 0.2

# Images that a random network is rebalanced on.
_REBALANCING_IMAGES = 128

_ALL = "all"


@dataclasses.dataclass(frozen=True)
class ProbeConfig(FrozenConfig):
    """Settings of the probes on a labeled set.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    data: str = setting(
        "",
        "Labeled photographs: a folder with a folder per class (or train/ and val/ of "
        "such), a list file of paths and classes, or tfds:NAME/SPLIT.",
        path=True,
    )
    val_data: str | None = setting(
        None,
        "Photographs to measure on, given like --data. Default: val/ of --data, else a "
        "fifth of each class.",
        path=True,
    )
    samples_per_class: str = setting(
        _ALL, "Training images of each class; several numbers with commas between."
    )
    crop_size: int | None = setting(
        None, "Side of the center crops. Default: that of the training.", 8
    )
    side: int | None = setting(
        None, "Shortest side that images are scaled to. Default: 8/7 of the crop.", 8
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.data:
            fail("data", self.data, "a folder of class folders, a list file or tfds:")
        if self.side and self.crop_size and self.side < self.crop_size:
            fail("side", self.side, f"at least crop_size={self.crop_size}")
        for count in self.counts:
            if count != _ALL and not (count.isdecimal() and int(count) > 1):
                expected = "numbers of at least 2 with commas between, or all"
                fail("samples_per_class", self.samples_per_class, expected)

    @property
    def counts(self):
        """The numbers of training images of each class, as text."""
        return tuple(count.strip() for count in self.samples_per_class.split(","))


def probe(ckpt, config, output=None):
    """Measures what simple classifiers read off each layer of a frozen network.

    For each number of training images of a class, `seeds` random draws are made; each
    probe chooses its regularization, or its number of neighbors, on a part of the draw.

    Args:
        ckpt: A workdir, a file, `imagenet`, a name from the zoo, or `random`.
        config: A `ProbeConfig`.
        output: Folder of the report; None for `probe` in the workdir.

    Returns:
        A pair: the results, as written to `results.json`, and the folder, which also
        holds `probe.png` and the extracted features.

    Raises:
        FileNotFoundError: If the model or images are missing.
        ValueError: If a layer is unknown, a class has too few images, or an image can't
            be read; it is named.
        OSError: If the report cannot be written.
    """
    train, test = data.open_labeled(
        config.data, val_spec=config.val_data, val_fraction=_VAL_FRACTION
    )
    given = frozen_networks.open_network(ckpt, config)
    layers = config.layer_names(given)
    # An unknown layer is refused before anything is read.
    inference.pooled_feature_predictor(given, layers)
    size = config.crop_size or frozen_networks.crop_size_of(ckpt, given)
    crops = CenterCrops.of_size(size, config.side, config.color)
    draws = _draws(config, train)
    chosen = np.unique(np.concatenate([indices for _, _, indices in draws]))
    parts = {"training": train.subset(chosen), "test": test}
    # Where the images of each draw stand among those that are used.
    draws = [(count, seed, np.searchsorted(chosen, x)) for count, seed, x in draws]
    # Of all classes: images are in the order of their folders.
    shown = train.subset(data.evenly_spaced(train, _REBALANCING_IMAGES))
    batches = data.decoded(evaluation_batches(shown, crops), shown)
    images = (next(iter(inputs.values()))[:, 0] for inputs, *_ in batches)
    output = runs.make(frozen_networks.output_folder(ckpt, output))
    with locked(output):
        accuracy = {}
        for name, backbone in frozen_networks.compared(
            ckpt, given, config, images
        ).items():
            extracted = _extract(name, backbone, layers, parts, crops, output)
            accuracy[name] = _measure(name, extracted, parts, draws, layers)
        results = {
            "ckpt": str(ckpt),
            "data": train.folder,
            "images": len(test),
            "crop_size": crops.crop_size,
            "side": crops.min_side,
            "largest_class": float(np.bincount(test.labels).max() / len(test)),
            "accuracy": accuracy,
        }
        runs.write_json(output / "config.json", {"ckpt": str(ckpt), **config.to_json()})
        runs.write_json(output / "results.json", results)
        probe_report.draw(results, output / "probe.png")
    return results, output


def _extract(name, backbone, layers, parts, crops, output):
    """Returns a dict from each part to the list of its features by layer."""
    predict = inference.pooled_feature_predictor(backbone, layers)
    return {
        part: feature_cache.cached(
            output / "features",
            [layers, crops, feature_cache.identity(backbone, samples)],
            functools.partial(
                pooled_features, predict, samples, crops, f"{name} network, {part}"
            ),
        )
        for part, samples in parts.items()
    }


def _measure(name, features, parts, draws, layers):
    """Returns the accuracies by layer, kind of probe and number of images."""
    train, test = parts["training"], parts["test"]
    measured = {}
    bar = progress_bar(draws, f"{name} network, probes", unit="draw", leave=False)
    for count, seed, chosen in bar:
        ours = [x[chosen] for x in features["training"]], train.labels[chosen]
        theirs = features["test"], test.labels
        measured.setdefault(count, []).append(probe_accuracies(ours, theirs, seed))
    return {
        layer: {
            kind: {
                count: _summary([by_layer[number][kind] for by_layer in by_draw])
                for count, by_draw in measured.items()
            }
            for kind in KINDS
        }
        for number, layer in enumerate(layers)
    }


def _summary(draws):
    """Summarizes pairs of the test accuracy and that on the choosing part."""
    values, choices = zip(*draws, strict=True)
    return {**probe_report.summary(values), "choice": float(np.mean(choices))}


def _draws(config, train):
    """Returns triples of the number of images, a seed, and the images' numbers."""
    keys = {key: index for index, key in enumerate(train.keys)}
    draws = []
    for count in config.counts:
        if count == _ALL:
            # Nothing is drawn at random.
            draws.append((count, 0, np.arange(len(train))))
            continue
        transform = label_transforms.PerClass(int(count))
        for seed in range(config.seeds):
            chosen = label_transforms.apply([transform], train, seed)
            draws.append((count, seed, np.array([keys[key] for key in chosen.keys])))
    return draws
