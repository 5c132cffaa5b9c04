"""How well a colorizer predicts the colour of held-out images."""

import math

import numpy as np
import tensorflow as tf

from selfsup import color, data, heads, targets
from selfsup.losses import HistogramKL, LabL2

# Greatest ratio of an image's sides for which the shortest is as long as wanted.
_LONGEST = 8.0

# Mirrored pixels beyond each edge. On 46 photographs and a VGG-16 with zero padding
# the fringe is gone, and RMSE in the outer 16 pixels falls from 0.0974 to 0.0961;
# margins of 32 and 64 are no better.
_MARGIN = 16

# Mean squared error of RGB of no visible difference: 100 dB.
_ALMOST_NOTHING = 1e-10

# Undivided losses of one point, by output.
_POINT_LOSSES = {
    "hue": HistogramKL(reduction=None),
    "chroma": HistogramKL(reduction=None),
    "ab": LabL2(reduction=None),
}


def constant_predictions(batches):
    """Finds the best predictions that do not look at the image.

    For histograms that is the logarithm of the weighted mean histogram, which
    has the least weighted KL of all constants; for a and b their mean.

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
    constants = {}
    for name, total in totals.items():
        if total <= 0:
            raise ValueError(
                "The images hold no colour to learn from. Expected colour "
                f"photographs. Received: {name} weights that are all 0"
            )
        mean = sums[name] / total
        if name != "ab":
            # An empty bin keeps a little mass, so that its KL stays finite.
            mean = np.log(np.maximum(mean, 1e-6) / np.maximum(mean, 1e-6).sum())
        constants[name] = mean.astype(np.float32)
    return constants


def point_predictor(model):
    """Compiles a colorizer for points.

    Args:
        model: A colorizer for points.

    Returns:
        A function from the dict of inputs to the dict of outputs.
    """
    return tf.function(
        lambda inputs: model(inputs, training=False), reduce_retracing=True
    )


def point_metrics(predict, batches, constants):
    """Averages the weighted losses at the sampled points.

    The same numbers as the training losses: each point's loss times its
    weight, divided by the number of points. Padding and unreadable images do
    not count; a caller who wants none wraps the batches in a check.

    Args:
        predict: What `point_predictor` returned.
        batches: Iterable of `(inputs, targets, sample_weights, status)`, each
            image once.
        constants: What `constant_predictions` returned for training images.

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
                (f"{name}_baseline", tf.broadcast_to(constants[name], target.shape)),
            ):
                losses = np.asarray(_POINT_LOSSES[name](target, prediction))
                sums[key] = sums.get(key, 0.0) + float(np.sum(weight * losses))
        points = next(iter(weights.values())).shape[1]
        count += int(valid.sum()) * points
    if not count:
        raise ValueError(
            "There is nothing to evaluate. Expected at least one image. Received: none"
        )
    return {name: value / count for name, value in sums.items()}


def check_colorizer(model):
    """Refuses models that do not predict colour from gray.

    Args:
        model: A Keras model.

    Raises:
        ValueError: If it is no colorizer for points.
    """
    outputs = set(model.output) if isinstance(model.output, dict) else set()
    inputs = {tensor.name for tensor in model.inputs}
    if outputs not in ({"hue", "chroma"}, {"ab"}) or inputs != {"gray", "points"}:
        raise ValueError(
            "The model is no colorizer. Expected inputs gray and points, outputs hue "
            f"and chroma, or ab. Received: model {model.name!r} with inputs "
            f"{', '.join(sorted(inputs))}, outputs "
            f"{', '.join(sorted(outputs)) or 'without names'}"
        )


def dense_predictor(model):
    """Compiles a colorizer for whole images of all sizes at once.

    Args:
        model: A colorizer for points.

    Returns:
        A function from `[B, H, W, 1]`, float32, gray minus 0.4488, to the dict
        of the model's outputs at every pixel.
    """
    dense = heads.dense(model)
    signature = tf.TensorSpec([None, None, None, 1], tf.float32)

    @tf.function(input_signature=[signature])
    def predict(gray):
        return dense(gray, training=False)

    return predict


def colorize(
    predict, image, side=None, hue_mode="expectation_faded", chroma_mode="median"
):
    """Colours an image, at its own size.

    The network sees the image at the scale it was trained at; its colours are
    enlarged and laid over the full gray, which is kept exactly.

    Args:
        predict: What `dense_predictor` returned.
        image: `[H, W, 1]` or `[H, W, 3]`, float32 in `[0, 1]`.
        side: Shortest side that the network sees, in pixels; None for the
            image's own.
        hue_mode: How a hue is taken from its histogram, see
            `color.histograms_to_rgb`.
        chroma_mode: How a chroma is.

    Returns:
        `[H, W, 3]`, float32 in `[0, 1]`, NumPy.

    Raises:
        ValueError: If a mode is unknown.
    """
    image = tf.convert_to_tensor(image, tf.float32)
    gray = image if image.shape[-1] == 1 else color.rgb_to_gray(image)
    differences = predicted_differences(predict, gray, side, hue_mode, chroma_mode)
    return color.with_gray(tf.image.resize(differences, gray.shape[:2]), gray).numpy()


def predicted_differences(
    predict, gray, side=None, hue_mode="expectation_faded", chroma_mode="median"
):
    """Predicts how far R, G and B lie from their mean; runs in graphs.

    The network sees the image at its own scale, with a margin of mirrored pixels
    that is cut off again: the zeros that convolutions pad with would leave a
    coloured fringe.

    Args:
        predict: What `dense_predictor` returned.
        gray: `[H, W, 1]`, float32 in `[0, 1]`.
        side: As in `colorize`.
        hue_mode: As in `colorize`.
        chroma_mode: Likewise.

    Returns:
        `[h, w, 3]`, float32 in `[-1, 1]`, summing to 0 over the channels; its
        size is that of `at_side`.

    Raises:
        ValueError: If a mode is unknown.
    """
    small = at_side(gray, side)
    size = tf.shape(small)[:2]
    # An eighth of small images, so that most of the work is not on margins.
    margin = tf.minimum(_MARGIN, tf.reduce_min(size) // 8)
    small = tf.pad(small, [[margin, margin], [margin, margin], [0, 0]], "SYMMETRIC")
    outputs = predict(small[None] - color.GRAY_MEAN)
    rgb = predicted_rgb(outputs, small[None], hue_mode, chroma_mode)[0]
    end = margin + size
    return (rgb - small)[margin : end[0], margin : end[1]]


def at_side(image, side=None):
    """Scales an image as the network shall see it; runs in graphs.

    A very long image comes out smaller, with `8 * side**2` pixels, so that memory
    stays bounded for images of any shape.

    Args:
        image: `[H, W, C]`, float32 in `[0, 1]`.
        side: Shortest side wanted, in pixels; None for the image's own.

    Returns:
        `[h, w, C]`, float32 in `[0, 1]`.
    """
    if side is None:
        return image
    size = tf.cast(tf.shape(image)[:2], tf.float64)
    scale = tf.minimum(
        side / tf.reduce_min(size), side * tf.sqrt(_LONGEST / tf.reduce_prod(size))
    )
    size = tf.maximum(tf.cast(tf.round(size * scale), tf.int32), 1)
    return tf.clip_by_value(tf.image.resize(image, size, antialias=True), 0.0, 1.0)


def predicted_rgb(outputs, gray, hue_mode="expectation_faded", chroma_mode="median"):
    """Decodes what a colorizer predicts; runs in graphs.

    Args:
        outputs: Dict of the outputs at every pixel: `hue` and `chroma`
            `[B, H, W, K]`, logits, or `ab` `[B, H, W, 2]`.
        gray: `[B, H, W, 1]`, float32 in `[0, 1]`, what the network saw, before
            its mean was subtracted.
        hue_mode: As in `colorize`; `ab` has no modes.
        chroma_mode: Likewise.

    Returns:
        `[B, H, W, 3]`, float32 in `[0, 1]`, whose mean over channels is `gray`.

    Raises:
        ValueError: If a mode is unknown.
    """
    if "ab" in outputs:
        return color.gray_ab_to_rgb(gray, targets.LAB_SCALE * outputs["ab"])
    hue, chroma = (tf.nn.softmax(outputs[name]) for name in ("hue", "chroma"))
    return color.histograms_to_rgb(gray, hue, chroma, hue_mode, chroma_mode)


def image_metrics(predict, images, side=None):
    """Compares coloured images with the true ones, pixel by pixel.

    Args:
        predict: What `dense_predictor` returned.
        images: Iterable of `[H, W, 3]`, float32 in `[0, 1]`.
        side: As in `colorize`.

    Returns:
        A dict: `rmse` over all images (root of the mean squared error of RGB in
        `[0, 1]`, each image counting the same), `psnr` (mean over the images
        that have colour, in dB), and `rmse_gray`, `psnr_gray` of the uncoloured
        image.
    """
    errors = {"": [], "_gray": []}
    for image in images:
        gray = np.repeat(np.mean(image, -1, keepdims=True), 3, -1)
        for name, other in (("", colorize(predict, image, side)), ("_gray", gray)):
            errors[name].append(float(np.mean(np.square(other - image))))
    # The gray copy of an image without colour is infinitely good, whatever the
    # others are. JSON has no infinity either.
    colored = [square > _ALMOST_NOTHING for square in errors["_gray"]]
    metrics = {}
    for name, squares in errors.items():
        metrics[f"rmse{name}"] = math.sqrt(np.mean(squares))
        chosen = np.compress(colored, squares) if any(colored) else squares
        ratios = -10 * np.log10(np.maximum(chosen, _ALMOST_NOTHING))
        metrics[f"psnr{name}"] = float(np.mean(ratios))
    return metrics
