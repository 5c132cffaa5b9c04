"""Multi-label classification: scores averaged over crops, and their report."""

import numpy as np

from selfsup import data, inference
from selfsup.evaluation.average_precision import average_precision
from selfsup.evaluation.journal import Journal, fingerprint


def classification_scores(
    predict,
    samples,
    crop_size,
    crops=10,
    *,
    color=False,
    seed=0,
    strategy=None,
    progress=None,
    journal=None,
):
    """Scores every image of a set.

    Args:
        predict: What `score_predictor` returned.
        samples: A `data.voc.ClassificationSet`.
        crop_size: Side of the crops in pixels.
        crops: Number of random crops, scaled and mirrored as in training (the
            authors' protocol: 10); or `"fixed"`: the corners and the center,
            each mirrored too, at the image's own scale.
        color: Whether the network takes color.
        seed: Seed of the random crops.
        strategy: A `tf.distribute.Strategy`; None for the current one.
        progress: Name of a progress bar, or None for no bar.
        journal: A `Journal` of images that are scored already.

    Returns:
        `[N, K]`, float32, mean logits.

    Raises:
        ValueError: If an image is unreadable; it is named.
    """

    def crop(index):
        image = samples.image(index)
        if crops == "fixed":
            return data.voc.fixed_crops(image, crop_size, color)
        return data.voc.random_crops(image, crops, crop_size, (seed, index), color)

    def score(indices):
        inputs = ((index, crop(index)) for index in indices)
        for _, value in inference.over_replicas(predict, inputs, strategy):
            yield value.numpy()

    scores = (journal or Journal()).results(samples.names, score, progress)
    return np.stack(list(scores)).astype(np.float32)


def evaluate_classification(
    model, samples, crop_size, *, crops=10, seed=0, strategy=None, journal=None
):
    """Evaluates a multi-label classifier on every image of a set.

    Args:
        model: A classifier.
        samples: A `data.voc.ClassificationSet`.
        crop_size: As in `classification_scores`.
        crops: As in `classification_scores`.
        seed: As in `classification_scores`.
        strategy: A `tf.distribute.Strategy`; None for the current one.
        journal: Path of a file that lets a stopped evaluation continue, or None;
            it is removed in the end.

    Returns:
        A pair: a dict of `images` and what `classification_metrics` returns;
        and the scores `[N, K]`.

    Raises:
        ValueError: If the classes are of another number than the model's, or an
            image is unreadable; it is named.
    """
    inference.check_classes(model, samples)
    about = [fingerprint(model), samples.folder, samples.split]
    journal = Journal(journal, [*about, crop_size, crops, seed])
    scores = classification_scores(
        inference.score_predictor(model),
        samples,
        crop_size,
        crops,
        color=inference.takes_color(model),
        seed=seed,
        strategy=strategy,
        progress=samples.split,
        journal=journal,
    )
    metrics = classification_metrics(samples.labels, scores, samples.classes)
    journal.close()
    return {"images": len(samples), **metrics}, scores


def classification_metrics(labels, scores, classes):
    """Summarizes scores by class.

    Args:
        labels: `[N, K]`, uint8: 1, 0, or 255 for difficult, which is left out.
        scores: `[N, K]`, float.
        classes: Names of the classes.

    Returns:
        A dict: `map_11point` and `map_area`, means over the classes in
        `[0, 1]`, and `ap_11point` and `ap_area`, dicts from class to average
        precision, None for a class without a positive.

    Raises:
        ValueError: If no class has a positive, or a score is not finite.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if not np.any(labels == 1):
        raise ValueError(
            "There is nothing to measure. Expected at least one image of some "
            f"class. Received: labels of shape {labels.shape} without a 1"
        )
    metrics = {}
    for variant in ("11point", "area"):
        values = [
            average_precision(*column, variant)
            for column in zip(labels.T, scores.T, strict=True)
        ]
        metrics[f"map_{variant}"] = float(np.nanmean(values))
        metrics[f"ap_{variant}"] = {
            name: None if np.isnan(value) else value
            for name, value in zip(classes, values, strict=True)
        }
    return metrics
