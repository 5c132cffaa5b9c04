"""Semantic segmentation, sparse in training and dense in evaluation."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
from absl import logging

from selfsup import data, evaluation, heads, inference, losses, networks, paths
from selfsup.progress import progress_bar
from selfsup.settings import changed, fail, setting
from selfsup.training.run_config import PointConfig
from selfsup.training.step import WeightedLoss
from selfsup.training.tasks.voc import VocEvaluationConfig, VocTask
from selfsup.training.voc_config import VocConfig

# Held-out images on the sheet that is drawn while training.
_SHOWN = 6

# Predicts every fourth pixel and interpolates: several times as fast as the final
# evaluation.
_PERIODIC_STRIDE = 4

_SBD_DIR = "Folder of the SBD masks, for the split train_aug."


@dataclasses.dataclass(frozen=True)
class SegmentationConfig(VocConfig, PointConfig):
    """Settings of segmentation: the paper's on VOC 2012."""

    sbd_dir: str | None = setting(None, _SBD_DIR, path=True)
    train_split: str | None = changed(
        VocConfig,
        "train_split",
        None,
        "Images to train on. Default: train_aug with --sbd_dir, else train.",
    )
    crop_size: int = changed(VocConfig, "crop_size", 448)
    point_margin: int | None = changed(
        PointConfig,
        "point_margin",
        None,
        "Pixels that points keep from the border. Default: 32, less for small crops.",
    )

    def located(self):
        return dataclasses.replace(
            super().located(),
            sbd_dir=paths.absolute(self.sbd_dir),
            train_split=self.train_split or ("train_aug" if self.sbd_dir else "train"),
        )

    def resolved(self, *args):
        config = super().resolved(*args)
        margin = min(32, config.crop_size * 32 // 448)
        return dataclasses.replace(
            config,
            point_margin=margin if self.point_margin is None else self.point_margin,
        )


@dataclasses.dataclass(frozen=True)
class SegmentationEvaluationConfig(VocEvaluationConfig):
    """Options of the evaluation of a segmenter."""

    default_split: ClassVar[str] = "val"

    sbd_dir: str | None = setting(None, _SBD_DIR, path=True)
    flip: bool = setting(False, "Average with the mirror image.")
    scales: str = setting(
        "1", "Factors on the image's size to average over: 0.75,1,1.25."
    )
    stride: int = setting(
        1, "Predict every pixel (1), or every 2nd or 4th.", choices=(1, 2, 4)
    )
    figures: bool = setting(
        False, "Draw pictures: predictions beside the truth, and bars by class."
    )

    def __post_init__(self):
        super().__post_init__()
        if not all(0.1 <= factor <= 10 for factor in self.factors):
            fail("scales", self.scales, "numbers in [0.1, 10] with commas between")

    @property
    def factors(self):
        """The scales as a tuple of floats; NaN where one is no number."""
        try:
            return tuple(float(scale) for scale in self.scales.split(","))
        except ValueError:
            return (math.nan,)


class Segmentation(VocTask):
    """Predicts the class of each pixel.

    Args:
        config: A `SegmentationConfig`.
    """

    name, kind, score = "segmentation", "segmenter", "mean_iou"
    Config, EvaluationConfig = SegmentationConfig, SegmentationEvaluationConfig
    figures = (
        *("per_class.png", "predictions.png", "predictions_worst.png"),
        *("predictions_middling.png", "predictions_best.png"),
    )

    def open_split(self, split):
        config = self.config
        return data.voc.open_segmentation(config.voc_dir, split, config.sbd_dir)

    def check(self, samples):
        # Reads every mask, so that a bad one is found before the training.
        held_out = samples.split == self.config.train_split
        advice = "; or a greater share of the masks by --held_out" if held_out else ""
        _check_classes(samples, "measure on", advice)

    def check_training(self, samples):
        _check_classes(samples, "learn from", "", until_all_are_seen=True)

    def model(self, backbone, samples):
        config = self.config
        return heads.segmenter(
            backbone,
            networks.taps(backbone),
            len(samples.classes),
            hidden=config.hidden,
            dropout=config.dropout,
            hidden_stddev=config.hidden_stddev,
        )

    def losses(self, model, samples):
        return {heads.CLASSES: WeightedLoss(losses.MaskedCrossEntropy(), 1.0, True)}

    def batches(self, samples, start=0, shard=(0, 1)):
        config = self.config
        return data.voc.segmentation_batches(
            samples,
            crop_size=config.crop_size,
            batch_size=config.batch_size,
            points=config.points,
            point_margin=config.point_margin,
            color=config.color,
            seed=config.seed,
            start_step=start,
            shard=shard,
        )

    def predictor(self, model):
        return inference.class_map_predictor(model, _PERIODIC_STRIDE)

    def measure(self, predict, samples, strategy=None):
        confusions = evaluation.image_confusions(
            predict, samples, self.config.color, strategy, "validation"
        )
        return {"mean_iou": evaluation.mean_iou(sum(confusions))}

    def score_baseline(self, samples):
        counts = _pixel_counts(samples)[: len(samples.classes)]
        confusion = np.zeros((len(counts), len(counts)), np.int64)
        confusion[:, np.argmax(counts)] = counts
        return evaluation.mean_iou(confusion)

    def draw(self, predict, parts):
        samples = parts["held_out" if "held_out" in parts else "train"]
        shown = data.evenly_spaced(samples, _SHOWN)
        return evaluation.prediction_sheet(predict, samples, shown, self.config.color)

    def report(self, model, samples, strategy, journal, **chosen):
        return evaluation.evaluate_segmentation(
            model, samples, strategy=strategy, journal=journal, **chosen
        )

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        chosen = {
            "stride": options.stride,
            "scales": options.factors,
            "flip": options.flip,
        }
        results = self.report(model, samples, strategy, journal, **chosen)

        def draw(folder):
            if options.figures:
                evaluation.segmentation_figures(
                    model, samples, results, folder, **chosen
                )

        return {"split": options.split, **results, **chosen}, draw


def _check_classes(samples, purpose, advice, until_all_are_seen=False):
    """Refuses masks of fewer than two classes, and warns of classes without a pixel.

    With one class alone, every prediction of it would be perfect.
    """
    classes, void = samples.classes, data.voc.VOID
    counts = _pixel_counts(samples, until_all_are_seen)
    missing = [name for name, count in zip(classes, counts, strict=False) if not count]
    where = f"split {samples.split!r} of {samples.folder}"
    if len(classes) - len(missing) < 2:
        shown = [name for name in classes if name not in missing]
        share = counts[void] / counts.sum()
        raise ValueError(
            f"The masks to {purpose} show fewer than two classes. Expected pixels of "
            f"0 to {len(classes) - 1}, a number for each class{advice}. Received: "
            f"{', '.join(shown) or 'none'} in {len(samples)} masks of {where}, and "
            f"{100 * share:.0f} % of {void}, which is void"
        )
    if missing:
        logging.warning(
            "No pixel of %s in the %d masks to %s of %s",
            ", ".join(missing),
            len(samples),
            purpose,
            where,
        )


def _pixel_counts(samples, until_all_are_seen=False):
    """Counts the pixels of each index in the masks, up to that of void."""
    counts = np.zeros(data.voc.VOID + 1, np.int64)
    for index in progress_bar(
        range(len(samples)), f"checking {samples.split}", leave=False
    ):
        counts += np.bincount(samples.mask(index).ravel(), minlength=len(counts))
        if until_all_are_seen and counts[: len(samples.classes)].all():
            break
    return counts
