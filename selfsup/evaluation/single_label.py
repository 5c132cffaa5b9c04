"""Classification with one label an image: accuracies and confusions."""

import numpy as np
from sklearn import metrics

from selfsup import data, inference
from selfsup.data.labelled_batches import evaluation_batches
from selfsup.evaluation.journal import Journal, fingerprint

# Classes among which the right one must be for the second accuracy.
_TOP = 5


def evaluate_single_label(
    model, samples, config, *, crops=1, strategy=None, journal=None
):
    """Evaluates a single-label classifier on every image of a set.

    Args:
        model: A classifier.
        samples: A `data.LabeledSet`.
        config: Settings as in `evaluation_batches`.
        crops: 1, the center crop, or 10: center and corners, each mirrored too.
        strategy: A `tf.distribute.Strategy`; None for the current one.
        journal: Path of a file that lets a stopped evaluation continue, or None; it is
            removed in the end.

    Returns:
        A pair: a dict of `images` and what `single_label_metrics` returns; and the
        scores `[N, K]`, float32, mean logits.

    Raises:
        ValueError: If the classes are of another number than the model's, or an image
            can't be read; it is named.
    """
    inference.check_classes(model, samples)
    predict = inference.batch_score_predictor(model)
    sizes = [config.crop_size, config.min_side, config.max_side]
    journal = Journal(journal, [fingerprint(model), samples.folder, *sizes, crops])

    def score(indices):
        if not indices:
            return
        chosen = samples.subset(indices)
        batches = evaluation_batches(chosen, config, crops)
        inputs = (
            (weights["label"].numpy() > 0, next(iter(images.values())))
            for images, _, weights, _ in data.decoded(batches, chosen)
        )
        for usable, scores in inference.over_replicas(predict, inputs, strategy):
            yield from scores.numpy()[usable]

    scores = np.stack(list(journal.results(samples.keys, score, "evaluation")))
    found = single_label_metrics(samples.labels, scores, samples.classes)
    journal.close()
    return {"images": len(samples), **found}, scores.astype(np.float32)


def single_label_metrics(labels, scores, classes):
    """Summarizes scores.

    Of equal scores the first class is the prediction; among the best five the last
    classes come first, as in scikit-learn.

    Args:
        labels: `[N]`, integers in `[0, K)`.
        scores: `[N, K]`, float.
        classes: Names of the `K` classes.

    Returns:
        A dict: `accuracy` in `[0, 1]`; `top_5_accuracy` where there are more than five
        classes; `class_accuracy`, a dict from each class to the share of its images
        that are recognized, None without images, and `mean_class_accuracy`.

    Raises:
        ValueError: If there are no labels, or a score is not finite.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if not len(labels) or not np.isfinite(scores).all():
        raise ValueError(
            "There is nothing to measure. Expected at least one image, and finite "
            f"scores. Received: {len(labels)} labels, scores {scores!r}"
        )
    counts = confusions(labels, scores)
    totals = counts.sum(axis=1)
    found = {"accuracy": metrics.accuracy_score(labels, np.argmax(scores, axis=1))}
    if len(classes) > _TOP:
        found[f"top_{_TOP}_accuracy"] = metrics.top_k_accuracy_score(
            labels, scores, k=_TOP, labels=np.arange(len(classes))
        )
    by_class = {
        name: float(right / total) if total else None
        for name, right, total in zip(classes, np.diag(counts), totals, strict=True)
    }
    present = [value for value in by_class.values() if value is not None]
    found["mean_class_accuracy"] = float(np.mean(present))
    return {name: float(value) for name, value in found.items()} | {
        "class_accuracy": by_class
    }


def confusions(labels, scores):
    """Counts predictions.

    Args:
        labels: `[N]`, integers in `[0, K)`.
        scores: `[N, K]`, float.

    Returns:
        `[K, K]`, int64: numbers of images by their class (row) and prediction.
    """
    return metrics.confusion_matrix(
        labels, np.argmax(scores, axis=1), labels=np.arange(scores.shape[1])
    )
