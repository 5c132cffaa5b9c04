"""Classification with one label an image: any folder of class folders."""

import dataclasses

import keras
import numpy as np
from absl import logging

from selfsup import color, data, evaluation, heads, inference, paths, pictures, runs
from selfsup.data import label_transforms, labelled, labelled_batches, records
from selfsup.settings import Config, changed, fail, setting
from selfsup.training.downstream_config import DownstreamConfig
from selfsup.training.image_watch import ImageWatch
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.step import WeightedLoss
from selfsup.training.tasks.downstream import (
    DownstreamTask,
    check_classes,
    fc6_of_whole_crops,
)

# Held-out images on the sheet that is drawn while training, and its height.
_SHOWN, _HEIGHT = 8, 120


@dataclasses.dataclass(frozen=True)
class SingleLabelConfig(DownstreamConfig):
    """Settings of a single-label classifier's run.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
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
        "Photographs that the result is measured on, given like --data. Default: val/ "
        "of --data, if any.",
        path=True,
    )
    labels: str = setting(
        "",
        "Changes to the training labels, in this order: per_class(COUNT), "
        "noise(SHARE), buckets(H16|H2|R50|R16|FILE), with commas between.",
    )
    samples_per_class: int | None = setting(
        None, "Training images of each class; before --labels. Default: all.", 1
    )
    held_out: float = changed(
        DownstreamConfig,
        "held_out",
        0.1,
        "Share of each class's training images that the plateau rule looks at; at "
        "least one of each class. 0 for none, where the length is fixed.",
    )
    normalization: str = changed(
        PretrainingConfig,
        "normalization",
        "none",
        "Batch normalization of a network that learns from random weights: plain, or "
        "affine, where it is a pretraining by labels. ResNet always has it.",
    )
    fov_blocks: int = changed(DownstreamConfig, "fov_blocks", 0)
    batch_size: int = changed(DownstreamConfig, "batch_size", 32)
    clip_norm: float | None = changed(DownstreamConfig, "clip_norm", 10.0)
    min_side: int | None = setting(
        None,
        "Least shortest side that images are scaled to. Default: 8/7 of --crop_size.",
        8,
    )
    max_side: int | None = setting(
        None,
        "Greatest shortest side. Default: 12/7 of --crop_size. Tests take the mean.",
        8,
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.data:
            fail("data", self.data, "a folder of class folders, a list file or tfds:")
        label_transforms.parse(self.labels)
        if self.init != "random" and self.normalization != "none":
            expected = "none where init gives the weights"
            fail("normalization", self.normalization, expected)
        sides = [self.crop_size, self.min_side, self.max_side]
        given = [side for side in sides if side is not None]
        if given != sorted(given):
            raise ValueError(
                "Sizes contradict. Expected crop_size <= min_side <= max_side. "
                f"Received: crop_size={self.crop_size}, min_side={self.min_side}, "
                f"max_side={self.max_side}"
            )

    def located(self):
        return dataclasses.replace(
            self,
            data=paths.absolute(self.data),
            val_data=self.val_data and paths.absolute(self.val_data),
            labels=label_transforms.canonical(
                label_transforms.located(label_transforms.parse(self.labels))
            ),
        )

    def resolved(self, *args):
        config = super().resolved(*args)
        size = config.crop_size
        min_side = config.min_side or min(size * 8 // 7, config.max_side or size * 2)
        max_side = config.max_side or max(size * 12 // 7, min_side)
        return dataclasses.replace(config, min_side=min_side, max_side=max_side)

    @property
    def transforms(self):
        """What is done to the training labels, for `label_transforms.apply`."""
        count = self.samples_per_class
        first = (label_transforms.PerClass(count),) if count else ()
        return (*first, *label_transforms.parse(self.labels))


@dataclasses.dataclass(frozen=True)
class SingleLabelEvaluationConfig(Config):
    """Options of the evaluation of a single-label classifier."""

    data: str | None = setting(
        None,
        "Labeled photographs to evaluate on. Default: the run's --val_data.",
        path=True,
    )
    crops: int = setting(
        1, "Center crop (1); or center and corners, mirrored too (10).", choices=(1, 10)
    )
    figures: bool = setting(
        False, "Draw pictures: confusions, bars by class, surest mistakes."
    )


class SingleLabel(DownstreamTask):
    """Predicts which class an image shows.

    Args:
        config: A `SingleLabelConfig`.
    """

    name, kind, score = "single_label", "single_label_classifier", "accuracy"
    Config, EvaluationConfig = SingleLabelConfig, SingleLabelEvaluationConfig
    figures = ("confusions.csv", "confusions.png", "mistakes.png", "per_class.png")

    def __init__(self, config):
        super().__init__(config)
        self._watches, self._shown = {}, None

    def fc6_padding(self, config):
        return fc6_of_whole_crops(config)

    def open(self, part):
        if not self._parts:
            self._open()
        return self._parts[part]

    def _open(self):
        config = self.config
        found, test = data.open_labeled(config.data, val_spec=config.val_data)
        each = dataclasses.replace(found, labels=np.arange(len(found.classes)))
        joined = self._with_buckets(each)
        self._classes = {
            name: joined.classes[label]
            for name, label in zip(found.classes, joined.labels, strict=True)
        }
        found = label_transforms.apply(config.transforms, found, config.seed)
        train, held_out = found, None
        if config.held_out:
            train, held_out = labelled.split(found, config.held_out, config.seed)
        self._parts = {"all": found, "train": train, "held_out": held_out}
        self._watches = {
            id(part): ImageWatch(part, fatal=name != "held_out")
            for name, part in self._parts.items()
            if part is not None
        }
        self._parts["test"] = test and self._with_buckets(test)

    def list_samples(self, workdir):
        """Writes the training samples and their labels as a list, where they changed.

        Records have no paths that a list could name.
        """
        samples = self.open("all")
        sources = getattr(samples.images, "sources", None)
        if not self.config.transforms or not sources:
            return
        if any(map(records.is_record, sources)):
            return
        folder = workdir / runs.SAMPLES
        folder.mkdir(exist_ok=True)
        try:
            data.write_list(samples, str(folder / "list.txt"))
        except ValueError as error:  # A name with a line break, and the like.
            logging.warning("No list of the samples is written: %s", error)

    def _with_buckets(self, samples):
        config = self.config
        return label_transforms.apply(
            config.transforms, samples, config.seed, held_out=True
        )

    def names(self, samples):
        # A run does not go on with other labels.
        classes = [samples.classes[label] for label in samples.labels]
        return [
            f"{key}\t{name}" for key, name in zip(samples.keys, classes, strict=True)
        ]

    def watch(self, samples):
        return self._watches[id(samples)]

    def model(self, backbone, samples):
        return heads.classifier(backbone, len(samples.classes), multi_label=False)

    def losses(self, model, samples):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return {heads.LABEL: WeightedLoss(loss, 1.0)}

    def batches(self, samples, start=0, shard=(0, 1)):
        return labelled_batches.training_batches(samples, self.config, start, shard)

    def predictor(self, model):
        return inference.batch_score_predictor(model)

    def _each_once(self, samples):
        return labelled_batches.evaluation_batches(samples, self.config)

    def measure(self, predict, samples, strategy=None):
        scores, labels = self._scores(predict, samples)
        return evaluation.single_label_metrics(labels, scores, samples.classes)

    def _scores(self, predict, samples):
        """Scores what can be read of a held-out part."""
        found, labels = [], []
        stream = self.measured_batches(samples, self._each_once)
        for inputs, targets, weights, _ in self.watched(stream, samples):
            usable = weights[heads.LABEL].numpy() > 0
            (images,) = inputs.values()
            found.append(predict(images).numpy()[usable])
            labels.append(targets[heads.LABEL].numpy()[usable])
        return np.concatenate(found), np.concatenate(labels)

    def score_baseline(self, samples):
        share = np.bincount(samples.labels).max() / len(samples)
        # Guesses have luck: of ten images of ten classes a quarter of them hits two.
        luck = 2 * np.sqrt(share * (1 - share) / len(samples))
        return float(min(share + luck, (1 + share) / 2))

    def draw(self, predict, parts):
        if self._shown is None:
            samples = parts.get("held_out", parts["train"])
            self._shown = samples.subset(data.evenly_spaced(samples, _SHOWN))
        rows = []
        for inputs, targets, weights, _ in self.measured_batches(
            self._shown, self._each_once
        ):
            (crops,) = inputs.values()
            predicted = np.argmax(predict(crops), axis=1)
            images = np.clip(crops[:, 0] + color.GRAY_MEAN, 0, 1)
            labels = targets[heads.LABEL].numpy()
            for i in np.flatnonzero(weights[heads.LABEL]):
                true, found = (
                    self._shown.classes[k] for k in (labels[i], predicted[i])
                )
                rows.append((f"{true}, taken for {found}", [images[i]]))
        return pictures.contact_sheet(rows, ["held out"], _HEIGHT) if rows else None

    def report(self, model, samples, strategy, journal):
        found, _ = evaluation.evaluate_single_label(
            model, samples, self.config, strategy=strategy, journal=journal
        )
        return found

    def results(self, model, parts, strategy=None, journal=None):
        found = super().results(model, parts, strategy, journal)
        # Evaluations go by them, whatever becomes of a file of buckets.
        found["data_classes"] = self._classes
        trained = "all" if self.config.retrain_on_all else "train"
        found["training_images"] = len(self.open(trained))
        return found

    @classmethod
    def for_evaluation(cls, run, options):
        config, trained = cls.config_of(run), run.results or {}
        if config is None or "data_classes" not in trained:
            raise ValueError(
                "There is no config.json and results.json beside the model. Expected a "
                f"workdir of a finished run. Received: {run.folder}"
            )
        where = options.data or labelled.parts(config.data, config.val_data)[1]
        if where is None:
            raise ValueError(
                "The run had no images to be measured on. Expected --data with labeled "
                "photographs. Received: none"
            )
        joined, classes = trained["data_classes"], tuple(trained["classes"])
        samples = labelled.open_held_out(where, joined)
        numbers = np.array([classes.index(name) for name in joined.values()])
        labels = numbers[samples.labels]
        samples = dataclasses.replace(samples, classes=classes, labels=labels)
        check_classes(run, samples)
        return cls(config), samples, dataclasses.replace(options, data=samples.folder)

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        results, scores = evaluation.evaluate_single_label(
            model,
            samples,
            self.config,
            crops=options.crops,
            strategy=strategy,
            journal=journal,
        )

        def draw(folder):
            if options.figures:
                evaluation.single_label_figures(samples, scores, results, folder)

        chosen = {"crops": options.crops, "crop_size": self.config.crop_size}
        return {"data": options.data, **results, **chosen}, draw
