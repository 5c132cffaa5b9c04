"""Segmentation of whole images at full resolution, and its report."""

import numpy as np

from selfsup import inference
from selfsup.evaluation.confusion import (
    confusion_matrix,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
)
from selfsup.evaluation.journal import Journal, fingerprint


def image_confusions(
    predict, samples, color=False, strategy=None, progress=None, journal=None
):
    """Counts the pixels of each image by true and predicted class.

    Args:
        predict: What `class_map_predictor` returned.
        samples: A `data.voc.SegmentationSet`.
        color: Whether the network takes color.
        strategy: A `tf.distribute.Strategy`; None for the current one.
        progress: Name of a progress bar, or None for no bar.
        journal: A `Journal` of images that are counted already.

    Returns:
        An iterator of `[K, K]`, int64, for each image in order: rows true, columns
        predicted. Void is not counted.

    Raises:
        ValueError: If an image or mask is unreadable; it is named.
    """

    def confusions(indices):
        found = inference.segment(predict, samples, indices, color, strategy)
        for index, _, classes in found:
            yield confusion_matrix(samples.mask(index), classes, len(samples.classes))

    return (journal or Journal()).results(samples.names, confusions, progress)


def evaluate_segmentation(
    model, samples, *, stride=1, scales=(1.0,), flip=False, strategy=None, journal=None
):
    """Evaluates a segmenter on every image of a set, at full resolution.

    Args:
        model: A segmenter for points.
        samples: A `data.voc.SegmentationSet`.
        stride: As in `class_map_predictor`.
        scales: As in `class_map_predictor`.
        flip: As in `class_map_predictor`.
        strategy: A `tf.distribute.Strategy`; None for the current one.
        journal: Path of a file that lets a stopped evaluation continue, or None;
            it is removed in the end.

    Returns:
        A dict: `images`, what `segmentation_metrics` returns, `confusion`, the
        matrix as lists, and `image_iou`, a dict from image to its own mean IoU,
        None where all is void.

    Raises:
        ValueError: If the classes are of another number than the model's, or an
            image or mask is unreadable; it is named.
    """
    inference.check_classes(model, samples)
    predict = inference.class_map_predictor(model, stride, scales, flip)
    about = [fingerprint(model), samples.folder, samples.split]
    journal = Journal(journal, [*about, stride, list(scales), flip])
    confusions = image_confusions(
        predict, samples, inference.takes_color(model), strategy, samples.split, journal
    )
    total, image_iou = 0, {}
    for name, confusion in zip(samples.names, confusions, strict=True):
        total = total + confusion
        image_iou[name] = mean_iou(confusion) if confusion.any() else None
    if not total.any():
        raise ValueError(
            "There is nothing to measure. Expected masks with a pixel that is not "
            f"void. Received: split {samples.split!r} of {samples.folder}, all void"
        )
    metrics = segmentation_metrics(total, samples.classes)
    journal.close()
    return {
        "images": len(samples),
        **metrics,
        "confusion": total.tolist(),
        "image_iou": image_iou,
    }


def segmentation_metrics(confusion, classes):
    """Summarizes a confusion matrix.

    Args:
        confusion: `[K, K]`, int64, with at least one pixel.
        classes: Names of the classes.

    Returns:
        A dict: `mean_iou` and `pixel_accuracy` in `[0, 1]`, and `iou`, a dict
        from class to its IoU, None for a class that is neither there nor
        predicted.
    """
    iou = iou_per_class(confusion)
    return {
        "mean_iou": mean_iou(confusion),
        "pixel_accuracy": pixel_accuracy(confusion),
        "iou": {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(classes, iou, strict=True)
        },
    }
