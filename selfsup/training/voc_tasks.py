"""What differs between segmentation and classification on VOC."""

from selfsup import data, evaluation, heads, inference, losses, networks
from selfsup.progress import progress_bar
from selfsup.training.loop import Term

# Held-out images on the sheet that is drawn while training.
_SHOWN = 6


class Segmentation:
    """Sparse training on crops, dense evaluation of whole images.

    Args:
        config: A resolved `VocConfig`.
    """

    model_file = "segmenter.keras"
    score_name = "mean_iou"

    def __init__(self, config):
        self.config = config

    def open(self, split):
        """Opens a split; see `data.voc.open_segmentation`."""
        return data.voc.open_segmentation(
            self.config.voc_dir, split, sbd_dir=self.config.sbd_dir or None
        )

    def check(self, samples):
        """Reads every mask, so that a bad one is told before the training.

        Args:
            samples: The images that will be evaluated.

        Raises:
            ValueError: If a mask is unreadable, or all are void everywhere.
        """
        labelled = False
        for index in progress_bar(
            range(len(samples)), f"checking {samples.split}", leave=False
        ):
            labelled |= bool((samples.mask(index) != data.voc.VOID).any())
        if not labelled:
            raise ValueError(
                "The masks to measure on are void everywhere. Expected more images, or "
                f"a greater share by --held_out. Received: {len(samples)} of split "
                f"{samples.split!r} of {samples.folder}"
            )

    def model(self, backbone, classes):
        """Builds the model for points on a backbone."""
        return heads.segmenter(
            backbone,
            networks.taps(backbone),
            classes,
            hidden=self.config.hidden,
            dropout=self.config.dropout,
            hidden_stddev=self.config.hidden_stddev,
        )

    def terms(self):
        """Returns the losses, by output."""
        return {"classes": Term(losses.MaskedCrossEntropy(), 1.0)}

    def batches(self, samples, start_step=0):
        """Returns the training batches from a step on."""
        config = self.config
        return data.voc.segmentation_batches(
            samples,
            crop_size=config.crop_size,
            batch_size=config.batch_size,
            points=config.points,
            point_margin=config.point_margin,
            color=config.color,
            seed=config.seed,
            start_step=start_step,
        )

    def predictor(self, model):
        """Compiles what `score` and `sheet` take.

        It predicts at every fourth pixel and interpolates, several times as fast
        as the final evaluation.
        """
        return inference.class_map_predictor(model, stride=4)

    def score(self, predict, samples, strategy):
        """Returns the score of the plateau rule, higher is better."""
        confusions = evaluation.image_confusions(
            predict, samples, self.config.color, strategy, "validation"
        )
        return evaluation.mean_iou(sum(confusions))

    def sheet(self, predict, samples):
        """Returns a picture of some images, their masks and the predictions."""
        shown = data.evenly_spaced(samples, _SHOWN)
        return evaluation.prediction_sheet(predict, samples, shown, self.config.color)

    def evaluate(self, model, samples, strategy, journal=None):
        """Returns the metrics of every image at full resolution."""
        return evaluation.evaluate_segmentation(
            model, samples, strategy=strategy, journal=journal
        )


class Classification:
    """Training on single crops, evaluation on the mean of ten.

    Args:
        config: A resolved `VocConfig`.
    """

    model_file = "classifier.keras"
    score_name = "map_area"

    def __init__(self, config):
        self.config = config

    def open(self, split):
        """Opens a split; see `data.voc.open_classification`."""
        return data.voc.open_classification(self.config.voc_dir, split)

    def check(self, samples):
        """Raises a ValueError if no class has a positive to rank."""
        if not (samples.labels == 1).any():
            raise ValueError(
                "The images to measure on show none of the classes. Expected more "
                "images, or a greater share by --held_out. Received: "
                f"{len(samples)} of split {samples.split!r} of {samples.folder}"
            )

    def model(self, backbone, classes):
        """Builds the model on a backbone."""
        return heads.classifier(backbone, classes)

    def terms(self):
        """Returns the losses, by output."""
        return {"classes": Term(losses.MaskedBinaryCrossEntropy(), 1.0)}

    def batches(self, samples, start_step=0):
        """Returns the training batches from a step on."""
        config = self.config
        return data.voc.classification_batches(
            samples,
            crop_size=config.crop_size,
            batch_size=config.batch_size,
            color=config.color,
            seed=config.seed,
            start_step=start_step,
        )

    def predictor(self, model):
        """Compiles what `score` takes."""
        return inference.score_predictor(model)

    def score(self, predict, samples, strategy):
        """Returns the score of the plateau rule, higher is better."""
        scores = evaluation.classification_scores(
            predict,
            samples,
            self.config.crop_size,
            color=self.config.color,
            strategy=strategy,
            progress="validation",
        )
        metrics = evaluation.classification_metrics(
            samples.labels, scores, samples.classes
        )
        return metrics[self.score_name]

    def sheet(self, predict, samples):
        """Returns None: what it learns shows in its curves."""

    def evaluate(self, model, samples, strategy, journal=None):
        """Returns the metrics of every image, its scores averaged over crops."""
        metrics, _ = evaluation.evaluate_classification(
            model,
            samples,
            self.config.crop_size,
            strategy=strategy,
            journal=journal,
        )
        return metrics


TASKS = {"segmentation": Segmentation, "classification": Classification}
