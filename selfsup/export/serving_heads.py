"""What a model of each kind answers about one image, as graphs.

The numbers are those of `selfsup.evaluation`.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from selfsup import color, heads, inference
from selfsup.data.crops import ten_crops


class ServingHead(NamedTuple):
    """Answers about one image.

    Attributes:
        predict: Function from `[H, W, 3]`, float32 RGB in `[0, 1]`, to a dict of
            tensors.
        encode: Function from that dict to a dict of small tensors.
    """

    predict: Callable
    encode: Callable


def build(exported, config):
    """Builds the answers of a model.

    Args:
        exported: An `ExportedModel`.
        config: An `ExportConfig`.

    Returns:
        A `ServingHead`.
    """
    return _BUILDERS[exported.kind](exported, config)


def _colorizer(exported, config):
    predict = _traced_once(heads.dense(exported.model))

    def colored(image):
        gray = color.rgb_to_gray(image)
        offsets = inference.predicted_chroma_offsets(
            predict, gray, exported.side, config.hue_mode, config.chroma_mode
        )
        enlarged = tf.image.resize(offsets, tf.shape(gray)[:2])
        return {"rgb": color.with_gray(enlarged, gray)}

    def encode(maps):
        pixels = tf.cast(tf.round(255.0 * maps["rgb"]), tf.uint8)
        return {"colorized_bytes": tf.io.encode_png(pixels)}

    return ServingHead(colored, encode)


def _segmenter(exported, config):
    del config
    predict = _traced_once(heads.dense(exported.model))
    probabilities = _probabilities(exported)

    def segmented(image):
        logits = predict(_network_input(image, exported)[None])[heads.CLASSES]
        values = probabilities(logits)
        if exported.side is not None:
            values = tf.image.resize(values, tf.shape(image)[:2])
        return {"probabilities": values[0]}

    def encode(maps):
        classes = tf.argmax(maps["probabilities"], axis=-1)
        classes = tf.cast(classes, tf.uint8)[..., None]
        return {"class_map_bytes": tf.io.encode_png(classes)}

    return ServingHead(segmented, encode)


def _classifier(exported, config):
    del config
    score = inference.score_predictor(exported.model)
    probabilities = _probabilities(exported)
    labels = tf.constant(exported.classes, tf.string)

    def scored(image):
        crops = ten_crops(_network_input(image, exported), exported.crop_size)
        if exported.kind == "single_label_classifier":
            # Without mirror images: they may have another label, as turned ones do.
            crops = crops[:5]
        scores = score(crops)
        return {"scores": scores, "probabilities": probabilities(scores)}

    def encode(maps):
        return {"scores": maps["scores"], "labels": labels}

    return ServingHead(scored, encode)


def _backbone(exported, config):
    del config
    predict = _traced_once(exported.model)

    def described(image):
        values = predict(_network_input(image, exported)[None])[0]
        return {"features": tf.cast(values, tf.float32)}

    def encode(maps):
        return {"features": tf.reduce_mean(maps["features"], axis=(0, 1))}

    return ServingHead(described, encode)


def _probabilities(exported):
    """Returns the function from logits of a model to probabilities."""
    return keras.activations.get(heads.KINDS[exported.kind].activation)


def _traced_once(model):
    """Returns a function of batches, one graph for all signatures."""
    signature = tf.TensorSpec([None, None, None, model.input.shape[-1]], tf.float32)

    # AutoGraph, which Keras has no need of, would take most of the time.
    @tf.function(input_signature=[signature], autograph=False)
    def predict(images):
        return model(images, training=False)

    return predict


def _network_input(image, exported):
    """Scales an image `[H, W, 3]` and turns it into what the network takes."""
    values = image if exported.color else color.rgb_to_gray(image)
    return inference.resize_short_side(values, exported.side) - color.GRAY_MEAN


_BUILDERS = {
    "backbone": _backbone,
    "classifier": _classifier,
    "colorizer": _colorizer,
    "segmenter": _segmenter,
    "single_label_classifier": _classifier,
}
