"""Multi-label classification: scores averaged over crops, and their report."""

import numpy as np

from selfsup import data, inference
from selfsup.evaluation.average_precision import mean_average_precision
from selfsup.evaluation.journal import Journal, fingerprint
from selfsup.inference import over_replicas
from selfsup.progress import progress_bar


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

    journal = journal or Journal()
    names = samples.names
    missing = [index for index, name in enumerate(names) if name not in journal]

    def inputs():
        for index in missing:
            image = samples.image(index)
            if crops == "fixed":
                cut = data.voc.fixed_crops(image, crop_size, color)
            else:
                cut = data.voc.random_crops(
                    image, crops, crop_size, (seed, index), color
                )
            yield index, cut

    found = over_replicas(predict, inputs(), strategy)
    scores = []
    for name in progress_bar(names, progress, disable=progress is None, leave=False):
        if name not in journal:
            value = next(found)[1].numpy()
            journal.add(name, value)
        else:
            value = journal[name].astype(np.float32)
        scores.append(value)
    return np.stack(scores)


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
        journal: Path of a file that lets a killed evaluation go on, or None; it
            is gone in the end.

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
    """Sums scores up.

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
    found = mean_average_precision(labels, scores)
    metrics = {}
    for variant in ("11point", "area"):
        metrics[f"map_{variant}"] = found[f"mean_{variant}"]
        metrics[f"ap_{variant}"] = {
            name: None if np.isnan(value) else value
            for name, value in zip(classes, found[variant], strict=True)
        }
    return metrics
