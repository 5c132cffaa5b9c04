"""How well a colorizer predicts the color of held-out images."""

import math

import numpy as np
import tensorflow as tf

from selfsup import data, heads, inference, workers
from selfsup.losses import HistogramKL, LabL2
from selfsup.progress import progress_bar

# Mean squared error of RGB of no visible difference: 100 dB.
_ALMOST_NOTHING = 1e-10

# Undivided losses of one point, by output.
_POINT_LOSSES = {
    heads.HUE: HistogramKL(reduction=None),
    heads.CHROMA: HistogramKL(reduction=None),
    heads.AB: LabL2(reduction=None),
}


def constant_predictions(batches):
    """Finds the best predictions that do not look at the image.

    For histograms that is the logarithm of the weighted mean histogram, which
    has the least weighted KL of all constant ones; for a and b their mean.

    Args:
        batches: Iterable of `(inputs, targets, sample_weights, ...)`.

    Returns:
        A dict from output to `[K]`, float32: logits, or a and b.

    Raises:
        ValueError: If all weights are zero.
    """
    sums, totals = {}, {}
    for _, batch_targets, weights, *_ in batches:
        for name, target in batch_targets.items():
            weight = np.asarray(weights[name], np.float64)[..., None]
            weighted = np.sum(weight * np.asarray(target, np.float64), axis=(0, 1))
            sums[name] = sums.get(name, 0.0) + weighted
            totals[name] = totals.get(name, 0.0) + weight.sum()
    baseline = {}
    for name, total in totals.items():
        if total <= 0:
            raise ValueError(
                "The images hold no color to learn from. Expected color "
                f"photographs. Received: {name} weights that are all 0"
            )
        mean = sums[name] / total
        if name != heads.AB:
            # An empty bin keeps a little mass, so that its KL stays finite.
            mean = np.log(np.maximum(mean, 1e-6) / np.maximum(mean, 1e-6).sum())
        baseline[name] = mean.astype(np.float32)
    return baseline


def point_metrics(predict, batches, baseline, strategy=None):
    """Averages the weighted losses at the sampled points.

    The same numbers as the training losses: each point's loss times its
    weight, divided by the number of points. Padding and unreadable images do
    not count.

    Args:
        predict: What `point_predictor` returned.
        batches: Iterable of `(inputs, targets, sample_weights, status)`, each
            image once.
        baseline: What `constant_predictions` returned for training images.
        strategy: A `tf.distribute.Strategy`; None for the current one. Of several
            workers each gives its own part of the batches.

    Returns:
        A dict of floats: for each output its loss and `OUTPUT_baseline`, the
        loss of the constant prediction.

    Raises:
        ValueError: If there are no images.
    """
    sums, count = {}, 0
    for inputs, batch_targets, weights, status in batches:
        valid = np.asarray(status["index"]) != data.PADDING
        valid &= np.asarray(status["status"]) != data.UNDECODABLE
        outputs = predict(inputs)
        for name, target in batch_targets.items():
            weight = np.asarray(weights[name], np.float64) * valid[:, None]
            for key, prediction in (
                (name, outputs[name]),
                (f"{name}_baseline", tf.broadcast_to(baseline[name], target.shape)),
            ):
                losses = np.asarray(_POINT_LOSSES[name](target, prediction))
                sums[key] = sums.get(key, 0.0) + float(np.sum(weight * losses))
        points = next(iter(weights.values())).shape[1]
        count += int(valid.sum()) * points
    sums = workers.total(strategy, {**sums, "": count})
    count = sums.pop("")
    if not count:
        raise ValueError(
            "There is nothing to evaluate. Expected at least one image. Received: none"
        )
    return {name: value / count for name, value in sums.items()}


def image_metrics(predict, images, short_side=None):
    """Compares colored images with the true ones, pixel by pixel.

    Args:
        predict: What `dense_predictor` returned.
        images: Iterable of `[H, W, 3]`, uint8 RGB.
        short_side: As in `color_image`.

    Returns:
        A dict: `rmse` over all images (root of the mean squared error of RGB in
        `[0, 1]`, each image counting the same), `psnr` (mean over the images
        that have color, in dB), and `rmse_gray`, `psnr_gray` of the uncolored
        image.
    """
    errors = {"": [], "_gray": []}
    for image in images:
        sums = dict.fromkeys(errors, 0.0)
        # In strips: as float32 a large image and its errors take gigabytes.
        for rows, colored in inference.colored_strips(predict, image, short_side):
            true = image[rows] / np.float32(255.0)
            gray = np.mean(true, -1, keepdims=True)
            for name, other in (("", colored), ("_gray", gray)):
                sums[name] += float(np.sum(np.square(other - true), dtype=np.float64))
        for name, total in sums.items():
            errors[name].append(total / image.size)
    # The gray copy of an image without color is infinitely good, whatever the
    # others are. JSON has no infinity either.
    has_color = [square > _ALMOST_NOTHING for square in errors["_gray"]]
    metrics = {}
    for name, squares in errors.items():
        metrics[f"rmse{name}"] = math.sqrt(np.mean(squares))
        chosen = np.compress(has_color, squares) if any(has_color) else squares
        ratios = -10 * np.log10(np.maximum(chosen, _ALMOST_NOTHING))
        metrics[f"psnr{name}"] = float(np.mean(ratios))
    return metrics


def evaluate_colorizer(predict, samples, config, baseline=None):
    """Evaluates a colorizer on every image of a collection.

    Args:
        predict: What `inference.colorizer_predictor` returned.
        samples: The collection.
        config: A `data.PipelineConfig` with `augment=False`.
        baseline: What `constant_predictions` returned for training images; None
            takes the best constant of the evaluated images themselves, a stricter
            baseline.

    Returns:
        A dict of numbers: `images`, `point_metrics`' for each output, and
        `image_metrics`' of whole images.

    Raises:
        ValueError: If an image can't be decoded; it is named.
    """
    batches = data.pipeline(config, status=True, images=samples)

    def checked(name):
        total = -(-len(samples) // config.batch_size)
        decoded = data.decoded(batches, samples)
        return progress_bar(decoded, name, total, unit="batch")

    if baseline is None:
        baseline = constant_predictions(checked("baseline"))
    points = point_metrics(predict.points, checked("points"), baseline)
    whole = (
        image
        for _, image in progress_bar(data.whole_images(samples), "images", len(samples))
    )
    short_side = (config.min_side + config.max_side) // 2
    metrics = image_metrics(predict.dense, whole, short_side)
    return {"images": len(samples), **points, **metrics}
