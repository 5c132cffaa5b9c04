"""What a model of each kind answers about one image, as graphs.

The numbers are those of `selfsup.evaluation`.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from selfsup import color, heads, inference
from selfsup.data.crops import crop_corner, cut

# A class map has 8 bits, and 255 means void.
_MOST_CLASSES = 255

# Places of a classifier's crops, as `data.voc.fixed_crops` has them.
_PLACES = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))

_STRING = tf.TensorSpec([], tf.string)


@dataclasses.dataclass(frozen=True)
class Task:
    """Answers about one image.

    Attributes:
        predict: Function from `[H, W, 3]`, float32 RGB in `[0, 1]`, to a dict of
            tensors.
        maps: What it returns: a dict of `tf.TensorSpec`.
        encode: Function from that dict to a dict of small tensors.
        encoded: What it returns, likewise.
    """

    predict: Callable
    maps: dict
    encode: Callable
    encoded: dict


def build(subject, settings):
    """Builds the answers of a model.

    Args:
        subject: A `Subject`.
        settings: An `ExportSettings`.

    Returns:
        A `Task`.

    Raises:
        ValueError: If a segmenter has too many classes for a class map.
    """
    return _BUILDERS[subject.kind](subject, settings)


def _colorizer(subject, settings):
    predict = _traced_once(heads.dense(subject.model))

    def colored(image):
        gray = color.rgb_to_gray(image)
        differences = inference.predicted_chroma_offsets(
            predict, gray, subject.side, settings.hue_mode, settings.chroma_mode
        )
        enlarged = tf.image.resize(differences, tf.shape(gray)[:2])
        return {"rgb": color.with_gray(enlarged, gray)}

    def encode(maps):
        pixels = tf.cast(tf.round(255.0 * maps["rgb"]), tf.uint8)
        return {"colorized_bytes": tf.io.encode_png(pixels)}

    maps = {"rgb": tf.TensorSpec([None, None, 3], tf.float32)}
    return Task(colored, maps, encode, {"colorized_bytes": _STRING})


def _segmenter(subject, settings):
    del settings
    if len(subject.classes) > _MOST_CLASSES:
        raise ValueError(
            "The model has too many classes for a class map of 8 bits. Expected at "
            f"most {_MOST_CLASSES}. Received: {len(subject.classes)}"
        )
    predict = _traced_once(heads.dense(subject.model))

    def segmented(image):
        values = tf.nn.softmax(predict(_network_input(image, subject)[None])["classes"])
        if subject.side is not None:
            values = tf.image.resize(values, tf.shape(image)[:2])
        return {"probabilities": values[0]}

    def encode(maps):
        classes = tf.argmax(maps["probabilities"], axis=-1)
        classes = tf.cast(classes, tf.uint8)[..., None]
        return {"class_map_bytes": tf.io.encode_png(classes)}

    shape = [None, None, len(subject.classes)]
    maps = {"probabilities": tf.TensorSpec(shape, tf.float32)}
    return Task(segmented, maps, encode, {"class_map_bytes": _STRING})


def _classifier(subject, settings):
    del settings
    score = inference.score_predictor(subject.model)
    labels = tf.constant(subject.classes, tf.string)

    def scored(image):
        values = _network_input(image, subject)
        size = tf.shape(values)[:2]
        corners = [crop_corner(size, subject.crop_size, place) for place in _PLACES]
        crops = tf.stack([cut(values, subject.crop_size, c, 0.0) for c in corners])
        scores = score(tf.concat([crops, tf.reverse(crops, [2])], axis=0))
        # Each class for itself, as it was trained: an image may show several.
        return {"scores": scores, "probabilities": tf.sigmoid(scores)}

    def encode(maps):
        return {"scores": maps["scores"], "labels": labels}

    scores = tf.TensorSpec([len(subject.classes)], tf.float32)
    names = tf.TensorSpec([len(subject.classes)], tf.string)
    maps = {"scores": scores, "probabilities": scores}
    return Task(scored, maps, encode, {"scores": scores, "labels": names})


def _backbone(subject, settings):
    del settings

    predict = _traced_once(subject.model)

    def described(image):
        values = predict(_network_input(image, subject)[None])[0]
        return {"features": tf.cast(values, tf.float32)}

    def encode(maps):
        return {"features": tf.reduce_mean(maps["features"], axis=(0, 1))}

    channels = subject.model.output.shape[-1]
    maps = {"features": tf.TensorSpec([None, None, channels], tf.float32)}
    pooled = {"features": tf.TensorSpec([channels], tf.float32)}
    return Task(described, maps, encode, pooled)


def _traced_once(model):
    """Returns a function of batches, one graph for all signatures."""
    signature = tf.TensorSpec([None, None, None, model.input.shape[-1]], tf.float32)

    # AutoGraph, which Keras has no need of, would take most of the time.
    @tf.function(input_signature=[signature], autograph=False)
    def predict(images):
        return model(images, training=False)

    return predict


def _network_input(image, subject):
    """Scales an image `[H, W, 3]` and turns it into what the network takes."""
    values = image if subject.color else color.rgb_to_gray(image)
    return inference.resize_short_side(values, subject.side) - color.GRAY_MEAN


_BUILDERS = {
    "backbone": _backbone,
    "classifier": _classifier,
    "colorizer": _colorizer,
    "segmenter": _segmenter,
}
