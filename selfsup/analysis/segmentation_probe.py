"""Probes of a network's hypercolumns on a set in VOC's layout."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from selfsup import data, evaluation, heads, networks, runs
from selfsup.analysis import feature_cache, frozen_networks
from selfsup.analysis.frozen_networks import FrozenConfig
from selfsup.analysis.spread import summary
from selfsup.data import batching
from selfsup.evaluation.confusion import confusion_matrix, mean_iou
from selfsup.evaluation.segmentation_probes import KINDS, as_segmenter, fit_head
from selfsup.locking import locked
from selfsup.progress import progress_bar
from selfsup.settings import changed, fail, setting

# Images at once, and points of an image at least.
_BATCH, _LEAST_POINTS = 8, 8

# Batches that a random network is rebalanced on.
_REBALANCING_BATCHES = 4

# Whole images are predicted at every fourth pixel, as while training.
_STRIDE = 4


@dataclasses.dataclass(frozen=True)
class SegmentationProbeConfig(FrozenConfig):
    """Settings of the probes on a set in VOC's layout.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    seeds: int = changed(FrozenConfig, "seeds", 1)
    voc_dir: str = setting(
        "",
        "Folder of VOC 2012, or any of its layout (classes.txt names its classes).",
        path=True,
    )
    train_split: str = setting("train", "Split that heads are fitted to.")
    val_split: str = setting("val", "Split that is measured on.")
    crop_size: int | None = setting(
        None, "Side of the crops that points are read in. Default: the training's.", 8
    )
    points: int = setting(
        10_000,
        "Points that heads are fitted to, and as many to measure on; those that are "
        "void are left out. Each image is read once at most.",
        100,
    )
    hidden: int = setting(256, "Units of the hidden layer.", 1)

    def __post_init__(self):
        super().__post_init__()
        if not self.voc_dir:
            fail("voc_dir", self.voc_dir, "a folder of VOC's layout")


def probe_segmentation(ckpt, config, output=None):
    """Measures what heads read off the hypercolumns of a frozen network.

    Args:
        ckpt: As in `probes.probe`.
        config: A `SegmentationProbeConfig`.
        output: Folder of the report; None for `probe/segmentation` in the workdir.

    Returns:
        A pair: the results, as written to `results.json`, and the folder, which also
        holds pictures of the given network's predictions and the extracted features.

    Raises:
        FileNotFoundError: If the model, images or masks are missing.
        ValueError: If a layer is unknown, or an image or mask can't be read.
        OSError: If the report cannot be written.
    """
    splits = {"training": config.train_split, "test": config.val_split}
    parts = {
        part: data.voc.open_segmentation(config.voc_dir, split)
        for part, split in splits.items()
    }
    given = frozen_networks.open_network(ckpt, config)
    taps = _taps(given, config)
    size = frozen_networks.crop_size_of(ckpt, given, config.crop_size)
    output = frozen_networks.output_folder(ckpt, output, "probe/segmentation")
    output = runs.make(output)
    probe = _Probe(config, parts, taps, size, output)
    with locked(output), batching.reading_errors():
        networks_by_name = frozen_networks.compared(
            ckpt, given, config, probe.images(given.input.name)
        )
        results = {
            "ckpt": str(ckpt),
            "voc_dir": parts["test"].folder,
            "images": {part: len(samples) for part, samples in parts.items()},
            "crop_size": size,
            "points": config.points,
            "layers": [tap.layer for tap in taps],
            "heads": {
                name: probe.measure(name, backbone)
                for name, backbone in networks_by_name.items()
            },
        }
        settings = {"task": "segmentation", **config.to_json()}
        runs.write_json(output / "config.json", settings)
        runs.write_json(output / "results.json", results)
    return results, output


class _Probe:
    """Heads on the hypercolumns of one network or another.

    Args:
        config: A `SegmentationProbeConfig`.
        parts: Dict from `training` and `test` to a `data.voc.SegmentationSet`.
        taps: What the hypercolumns read.
        crop_size: Side of the crops that points are read in.
        output: Folder for features and pictures.
    """

    def __init__(self, config, parts, taps, crop_size, output):
        self.config, self.parts, self.taps, self.output = config, parts, taps, output
        self.crop_size = crop_size

    def images(self, key):
        """Yields batches of training crops."""
        batches = self._batches(self.parts["training"], points=1, seed=0)
        for inputs, *_ in batches.take(_REBALANCING_BATCHES):
            yield inputs[key]

    def _batches(self, samples, points, seed):
        return data.voc.segmentation_batches(
            samples,
            crop_size=self.crop_size,
            batch_size=_BATCH,
            points=points,
            point_margin=0,
            color=self.config.color,
            seed=seed,
        )

    def measure(self, name, backbone):
        """Returns a dict from each kind of head to its measures over all seeds."""
        runs_by_seed = [
            self._measure_once(name, backbone, seed)
            for seed in range(self.config.seeds)
        ]
        return {
            kind: {
                measure: summary([run[kind][measure] for run in runs_by_seed])
                for measure in ("mean_iou_of_points", "mean_iou")
            }
            for kind in KINDS
        }

    def _measure_once(self, name, backbone, seed):
        train, test = (
            self._features(f"{name} network, {part}", backbone, samples, seed)
            for part, samples in self.parts.items()
        )
        seen = np.unique(train[1])
        if len(seen) < 2:
            names = [self.parts["training"].classes[number] for number in seen]
            raise ValueError(
                "The points to fit heads to show fewer than two classes. Expected two "
                f"or more. Received: {', '.join(names) or 'only void'} in split "
                f"{self.config.train_split!r}"
            )
        samples, found = self.parts["test"], {}
        count = len(samples.classes)
        title = f"{name} network, heads"
        for kind in progress_bar(KINDS, title, unit="head", leave=False):
            head = fit_head(kind, *train, self.config.hidden, seed)
            counts = confusion_matrix(test[1], head.predict(test[0]), count)
            model = as_segmenter(head, backbone, self.taps, count)
            report = evaluation.evaluate_segmentation(model, samples, stride=_STRIDE)
            found[kind] = {
                "mean_iou_of_points": mean_iou(counts),
                "mean_iou": report["mean_iou"],
            }
            if (name, kind, seed) == (frozen_networks.GIVEN, KINDS[-1], 0):
                evaluation.segmentation_figures(
                    model, samples, report, self.output, stride=_STRIDE
                )
        return found

    def _features(self, title, backbone, samples, seed):
        """Returns hypercolumns `[N, C]` at points with a class, and these `[N]`.

        They are in the order of the images, which is random.
        """
        points = max(_LEAST_POINTS, -(-self.config.points // len(samples)))
        images = min(len(samples), -(-self.config.points // points))
        batches = -(-images // _BATCH)

        def compute(_):
            found = []
            stream = self._batches(samples, points, seed)
            read = _hypercolumns(backbone, self.taps)
            for inputs, targets, _ in progress_bar(
                stream.take(batches), title, batches, "batch", leave=False
            ):
                classes = targets[heads.CLASSES].numpy()
                usable = classes != data.voc.VOID
                # The last batch begins another round.
                usable[images - len(found) * _BATCH :] = False
                found.append((read(inputs).numpy()[usable], classes[usable]))
            return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]

        about = [
            [tap.layer for tap in self.taps],
            [self.crop_size, points, images, seed],
            feature_cache.identity(backbone, samples),
        ]
        names = ("hypercolumns", "classes")
        found = feature_cache.cached(self.output / "features", about, names, compute)
        return found["hypercolumns"], found["classes"]


def _hypercolumns(backbone, taps):
    """Compiles a function from images and points to `[B, P, C]`, float32."""
    model = heads.segmenter(backbone, taps, 2)
    model = keras.Model(model.input, model.get_layer("hypercolumn").output)
    return tf.function(lambda inputs: tf.cast(model(inputs), tf.float32))


def _taps(backbone, config):
    taps = {tap.layer: tap for tap in networks.taps(backbone)}
    names = config.layer_names(backbone)
    unknown = [name for name in names if name not in taps]
    if unknown:
        raise ValueError(
            f"A layer is none of the hypercolumn. Expected of {', '.join(taps)}. "
            f"Received: {', '.join(unknown)}"
        )
    return tuple(taps[name] for name in names)
