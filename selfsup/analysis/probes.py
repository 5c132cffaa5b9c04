"""Linear and nearest-neighbor probes of a network's layers on a labeled set."""

import dataclasses

import numpy as np

from selfsup import data, inference, runs
from selfsup.analysis import feature_cache, frozen_networks, probe_report, spread
from selfsup.analysis.frozen_networks import FrozenConfig
from selfsup.analysis.photographs import PhotographsConfig
from selfsup.data import label_transforms
from selfsup.data.labelled_batches import evaluation_batches
from selfsup.evaluation.probes import (
    KINDS,
    CenterCrops,
    check_labels,
    pooled_features,
    probe_accuracies,
)
from selfsup.inference.frozen_features import check_layers
from selfsup.locking import locked
from selfsup.progress import progress_bar
from selfsup.settings import changed, fail, setting
from selfsup.training.tasks.single_label import SingleLabelConfig

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

    data: str = changed(SingleLabelConfig, "data", "")
    val_data: str | None = changed(
        SingleLabelConfig,
        "val_data",
        None,
        "Photographs to measure on, given like --data. Default: val/ of --data, else a "
        "fifth of each class.",
    )
    samples_per_class: str = setting(
        _ALL,
        "Training images of each class, drawn --seeds times; several numbers with "
        "commas between, and all, which is probed once.",
    )
    crop_size: int | None = changed(PhotographsConfig, "crop_size", None)
    side: int | None = changed(PhotographsConfig, "side", None)

    def __post_init__(self):
        super().__post_init__()
        if not self.data:
            fail("data", self.data, "a folder of class folders, a list file or tfds:")
        for count in self.counts:
            if count != _ALL and not (count.isdecimal() and int(count) > 1):
                expected = "numbers of at least 2 with commas between, or all"
                fail("samples_per_class", self.samples_per_class, expected)

    @property
    def counts(self):
        """The numbers of training images of each class, as text."""
        counts = (count.strip() for count in self.samples_per_class.split(","))
        return tuple(dict.fromkeys(counts))


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
    check_labels(train)
    draws = _draws(config, train)
    given = frozen_networks.open_network(ckpt, config)
    layers = config.layer_names(given, with_input=False)
    check_layers(given, layers)
    size = frozen_networks.crop_size_of(ckpt, given, config.crop_size)
    crops = CenterCrops.of_size(size, config.side, config.color)
    output = runs.make(frozen_networks.output_folder(ckpt, output))
    with locked(output):
        accuracy = {}
        for name, backbone in frozen_networks.compared(
            ckpt, given, config, _images(train, crops)
        ).items():
            features = {
                part: _extract(name, part, backbone, layers, samples, crops, output)
                for part, samples in (("training", train), ("test", test))
            }
            accuracy[name] = _measure(name, features, train, test, draws)
        results = {
            "ckpt": str(ckpt),
            "data": train.folder,
            "val_data": test.folder,
            "classes": list(train.classes),
            "training_images": len(train),
            "images": len(test),
            "crop_size": crops.crop_size,
            "side": crops.min_side,
            "largest_class": float(np.bincount(test.labels).max() / len(test)),
            "accuracy": accuracy,
        }
        settings = {"task": "classification", **config.to_json()}
        runs.write_json(output / "config.json", settings)
        runs.write_json(output / "results.json", results)
        probe_report.draw(results, output / "probe.png")
    return results, output


def _images(samples, crops):
    """Yields batches of images of all classes, which stand one after the other."""
    shown = samples.subset(data.evenly_spaced(samples, _REBALANCING_IMAGES))
    for inputs, *_ in data.decoded(evaluation_batches(shown, crops), shown):
        (images,) = inputs.values()
        yield images[:, 0]


def _extract(name, part, backbone, layers, samples, crops, output):
    """Returns a dict from each layer to its features of all images of a set."""

    def compute(missing):
        predict = inference.pooled_feature_predictor(backbone, missing)
        return pooled_features(predict, samples, crops, f"{name} network, {part}")

    about = [crops, feature_cache.identity(backbone, samples)]
    return feature_cache.cached(output / "features", about, layers, compute)


def _measure(name, features, train, test, draws):
    """Returns the accuracies by layer, kind of probe and number of images."""
    layers, measured = list(features["test"]), {}
    bar = progress_bar(draws, f"{name} network, probes", unit="draw", leave=False)
    for count, seed, chosen in bar:
        ours = [features["training"][layer][chosen] for layer in layers]
        theirs = [features["test"][layer] for layer in layers]
        measured.setdefault(count, []).append(
            probe_accuracies((ours, train.labels[chosen]), (theirs, test.labels), seed)
        )
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
    return {**spread.summary(values), "choice": float(np.mean(choices))}


def _draws(config, train):
    """Returns triples of the number of images, a seed, and the images' numbers.

    With all images there is nothing to draw: one triple.
    """
    keys = {key: index for index, key in enumerate(train.keys)}
    draws = []
    for count in config.counts:
        if count == _ALL:
            draws.append((count, 0, np.arange(len(train))))
            continue
        transform = label_transforms.PerClass(int(count))
        for seed in range(config.seeds):
            chosen = label_transforms.apply([transform], train, seed)
            draws.append((count, seed, np.array([keys[key] for key in chosen.keys])))
    return draws
