"""Classification with several labels an image, on crops."""

import dataclasses
from typing import ClassVar

import numpy as np

from selfsup import data, evaluation, heads, inference, losses
from selfsup.settings import changed, fail, setting
from selfsup.training.step import WeightedLoss
from selfsup.training.tasks.downstream import fc6_of_whole_crops
from selfsup.training.tasks.voc import VocEvaluationConfig, VocTask
from selfsup.training.voc_config import VocConfig


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(VocConfig):
    """Settings of classification: the authors' on VOC 2007.

    They clip the gradient of each variable, Caffe all at once, as here.
    """

    former: ClassVar[frozenset] = frozenset(
        ("hidden", "hidden_stddev", "point_margin", "points", "sbd_dir")
    )

    train_split: str | None = changed(VocConfig, "train_split", "trainval")
    val_split: str = changed(VocConfig, "val_split", "test")
    fov_blocks: int = changed(VocConfig, "fov_blocks", 0)
    batch_size: int = changed(VocConfig, "batch_size", 16)
    weight_decay: float = changed(VocConfig, "weight_decay", 1e-6)
    clip_norm: float | None = changed(VocConfig, "clip_norm", 10.0)
    max_steps: int = changed(VocConfig, "max_steps", 80_000)


@dataclasses.dataclass(frozen=True)
class ClassificationEvaluationConfig(VocEvaluationConfig):
    """Options of the evaluation of a classifier."""

    default_split: ClassVar[str] = "test"
    required: ClassVar[tuple[str, ...]] = ("voc_dir", "crop_size")

    crops: str = setting(
        "10",
        "Number of random crops an image, scaled and mirrored as in training; or "
        "fixed: corners and center, each mirrored too.",
    )
    crop_size: int | None = setting(
        None, "Side of the crops in pixels. Default: the run's.", 8
    )
    seed: int = setting(0, "Seed of the random crops.", 0)
    figures: bool = setting(
        False, "Draw pictures: the highest-scoring images and bars by class."
    )

    def __post_init__(self):
        super().__post_init__()
        fixed = self.crops == "fixed"
        if not fixed and not (self.crops.isdecimal() and 0 < int(self.crops) <= 1000):
            fail("crops", self.crops, "a number in [1, 1000], or fixed")


class Classification(VocTask):
    """Predicts which classes an image shows.

    Args:
        config: A `ClassificationConfig`.
    """

    name, kind, score = "classification", "classifier", "map_area"
    Config, EvaluationConfig = ClassificationConfig, ClassificationEvaluationConfig
    figures = ("per_class.png", "rankings.png")

    def fc6_padding(self, config):
        return fc6_of_whole_crops(config)

    def open_split(self, split):
        return data.voc.open_classification(self.config.voc_dir, split)

    def check(self, samples):
        if not (samples.labels == 1).any():
            raise ValueError(
                "The images to measure on show none of the classes. Expected more "
                "images, or a greater share by --held_out. Received: "
                f"{len(samples)} of split {samples.split!r} of {samples.folder}"
            )

    def model(self, backbone, samples):
        return heads.classifier(backbone, len(samples.classes))

    def losses(self, model, samples):
        return {heads.CLASSES: WeightedLoss(losses.MaskedBinaryCrossEntropy(), 1.0)}

    def batches(self, samples, start=0, shard=(0, 1)):
        config = self.config
        return data.voc.classification_batches(
            samples,
            crop_size=config.crop_size,
            batch_size=config.batch_size,
            color=config.color,
            seed=config.seed,
            start_step=start,
            shard=shard,
        )

    def predictor(self, model):
        return inference.score_predictor(model)

    def measure(self, predict, samples, strategy=None):
        scores = evaluation.classification_scores(
            predict,
            samples,
            self.config.crop_size,
            color=self.config.color,
            strategy=strategy,
            progress="validation",
        )
        return evaluation.classification_metrics(
            samples.labels, scores, samples.classes
        )

    def score_baseline(self, samples):
        by_class = map(evaluation.random_average_precision, samples.labels.T)
        return float(np.nanmean(list(by_class)))

    def report(self, model, samples, strategy, journal):
        metrics, _ = evaluation.evaluate_classification(
            model, samples, self.config.crop_size, strategy=strategy, journal=journal
        )
        return metrics

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        crops = options.crops if options.crops == "fixed" else int(options.crops)
        results, scores = evaluation.evaluate_classification(
            model,
            samples,
            options.crop_size,
            crops=crops,
            seed=options.seed,
            strategy=strategy,
            journal=journal,
        )

        def draw(folder):
            if options.figures:
                evaluation.classification_figures(samples, scores, results, folder)

        chosen = {"crops": crops, "crop_size": options.crop_size}
        return {"split": options.split, **results, **chosen}, draw
