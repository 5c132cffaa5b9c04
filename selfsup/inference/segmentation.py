"""Compiled segmenters for whole images."""

import tensorflow as tf

from selfsup import data, heads
from selfsup.inference.replicas import over_replicas


def class_map_predictor(model, stride=1, scales=(1.0,), flip=False):
    """Compiles a segmenter for whole images of all sizes at once.

    Probabilities are averaged over the scales and mirror images; maps of a
    smaller size are enlarged bilinearly, so that every pixel gets its class.

    Args:
        model: A segmenter for points.
        stride: 1, 2 or 4: predict at every pixel, or at the centers of squares
            of 2 x 2 or 4 x 4 and interpolate.
        scales: Factors on the image's size.
        flip: Whether to average with the mirror image.

    Returns:
        A function from `[H, W, C]`, float32, the network's input, to `[H, W]`,
        uint8, the most probable class.

    Raises:
        ValueError: If `stride` is not 1, 2 or 4.
    """
    dense = heads.dense(model, stride)
    signature = tf.TensorSpec([None, None, dense.input.shape[-1]], tf.float32)

    def probabilities(image, size):
        logits = dense(image[None], training=False)[heads.CLASSES]
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
        color: Whether the network takes color.
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


def takes_color(model):
    """Returns whether a model's input is RGB instead of gray."""
    return any(tensor.name == "rgb" for tensor in model.inputs)


def check_classes(model, samples):
    """Raises a ValueError unless a model predicts the classes of a set.

    Args:
        model: A segmenter or classifier.
        samples: A set with `classes` and `folder`.
    """
    (scores,) = model.output.values()
    predicted = scores.shape[-1]
    if predicted != len(samples.classes):
        raise ValueError(
            "The model and the data have different classes. Expected data of the "
            f"model's {predicted} classes. Received: {samples.folder} of "
            f"{len(samples.classes)} ({', '.join(samples.classes)})"
        )
