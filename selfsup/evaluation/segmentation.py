"""Segmentation of whole images at full resolution, and its report."""

import numpy as np
import tensorflow as tf

from selfsup import data, heads
from selfsup.evaluation.journal import Journal, fingerprint
from selfsup.evaluation.mean_iou import (
    confusion_matrix,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
)
from selfsup.evaluation.replicas import over_replicas
from selfsup.progress import progress_bar


def class_map_predictor(model, stride=1, scales=(1.0,), flip=False):
    """Compiles a segmenter for whole images of all sizes at once.

    Probabilities are averaged over the scales and mirror images; maps of a
    smaller size are enlarged bilinearly, so that every pixel gets its class.

    Args:
        model: A segmenter for points.
        stride: 1, 2 or 4: predict at every pixel, or at the centres of squares
            of 2 x 2 or 4 x 4 and interpolate.
        scales: Factors on the image's size.
        flip: Whether to average with the mirror image.

    Returns:
        A function from `[H, W, C]`, float32, the network's input, to `[H, W]`,
        uint8, the most probable class.

    Raises:
        ValueError: If a scale is not positive, or `stride` is not 1, 2 or 4.
    """
    if not scales or any(not 0 < scale <= 16 for scale in scales):
        raise ValueError(
            "Argument `scales` must hold factors in (0, 16]. "
            f"Received: scales={tuple(scales)}"
        )
    dense = heads.dense(model, stride)
    signature = tf.TensorSpec([None, None, dense.input.shape[-1]], tf.float32)

    def probabilities(image, size):
        logits = dense(image[None], training=False)["classes"]
        # The last square may reach beyond the image.
        whole = stride * tf.shape(logits)[1:3]
        values = tf.image.resize(tf.nn.softmax(logits), whole)
        values = values[:, : tf.shape(image)[0], : tf.shape(image)[1]]
        return tf.image.resize(values, size)[0]

    @tf.function(input_signature=[signature])
    def predict(image):
        size = tf.shape(image)[:2]
        total = 0.0
        for scale in scales:
            scaled = image if scale == 1 else _scaled(image, scale)
            total += probabilities(scaled, size)
            if flip:
                total += probabilities(scaled[:, ::-1], size)[:, ::-1]
        return tf.cast(tf.argmax(total, axis=-1), tf.uint8)

    return predict


def _scaled(image, scale):
    size = tf.cast(tf.round(scale * tf.cast(tf.shape(image)[:2], tf.float32)), tf.int32)
    return tf.image.resize(image, tf.maximum(size, 1), antialias=True)


def segment(predict, samples, indices=None, color=False, strategy=None):
    """Segments images of a set, one at a time on each device.

    Args:
        predict: What `class_map_predictor` returned.
        samples: A `data.voc.SegmentationSet`.
        indices: Numbers of the images; None for all, in order.
        color: Whether the network takes colour.
        strategy: A `tf.distribute.Strategy`; None for the current one.

    Yields:
        Triples of the number, the image `[H, W, 3]`, uint8, and the class map
        `[H, W]`, uint8.
    """

    def inputs():
        for index in range(len(samples)) if indices is None else indices:
            image = samples.image(index)
            yield (index, image), data.as_network_input(image, color)

    for (index, image), classes in over_replicas(predict, inputs(), strategy):
        yield index, image, classes.numpy()


def image_confusions(
    predict, samples, color=False, strategy=None, progress=None, journal=None
):
    """Counts the pixels of each image by true and predicted class.

    Args:
        predict: What `class_map_predictor` returned.
        samples: A `data.voc.SegmentationSet`.
        color: Whether the network takes colour.
        strategy: A `tf.distribute.Strategy`; None for the current one.
        progress: Name of a progress bar, or None for no bar.
        journal: A `Journal` of images that are counted already.

    Yields:
        `[K, K]`, int64, for each image in order: rows true, columns predicted.
        Void is not counted.

    Raises:
        ValueError: If an image or mask is unreadable; it is named.
    """
    journal = journal or Journal()
    names = samples.names
    missing = [index for index, name in enumerate(names) if name not in journal]
    found = segment(predict, samples, missing, color, strategy)
    for name in progress_bar(names, progress, disable=progress is None, leave=False):
        if name in journal:
            yield journal[name]
            continue
        index, _, classes = next(found)
        confusion = confusion_matrix(samples.mask(index), classes, len(samples.classes))
        journal.add(name, confusion)
        yield confusion


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
        journal: Path of a file that lets a killed evaluation go on, or None; it
            is gone in the end.

    Returns:
        A dict: `images`, what `segmentation_metrics` returns, `confusion`, the
        matrix as lists, and `image_iou`, a dict from image to its own mean IoU,
        None where all is void.

    Raises:
        ValueError: If the classes are of another number than the model's, or an
            image or mask is unreadable; it is named.
    """
    check_classes(model, samples)
    predict = class_map_predictor(model, stride, scales, flip)
    about = [fingerprint(model), samples.folder, samples.split]
    journal = Journal(journal, [*about, stride, list(scales), flip])
    confusions = image_confusions(
        predict, samples, takes_color(model), strategy, samples.split, journal
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


def takes_color(model):
    """Tells whether a model's input is RGB instead of gray."""
    return any(tensor.name == "rgb" for tensor in model.inputs)


def check_classes(model, samples):
    """Raises a ValueError unless a model predicts the classes of a set.

    Args:
        model: A segmenter or classifier.
        samples: A set with `classes` and `folder`.
    """
    predicted = model.output["classes"].shape[-1]
    if predicted != len(samples.classes):
        raise ValueError(
            "The model and the data have different classes. Expected data of the "
            f"model's {predicted} classes. Received: {samples.folder} of "
            f"{len(samples.classes)} ({', '.join(samples.classes)})"
        )


def segmentation_metrics(confusion, classes):
    """Sums a confusion matrix up.

    Args:
        confusion: `[K, K]`, int64.
        classes: Names of the classes.

    Returns:
        A dict: `mean_iou` and `pixel_accuracy` in `[0, 1]`, and `iou`, a dict
        from class to its IoU, None for a class that is neither there nor
        predicted.

    Raises:
        ValueError: If no pixel was labelled.
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
