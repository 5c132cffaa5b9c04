"""Compiled classifiers that average over the crops of an image."""

import tensorflow as tf


def score_predictor(model):
    """Compiles a classifier that averages its scores over an image's crops.

    Args:
        model: A classifier, of several labels or of a single one.

    Returns:
        A function from `[N, S, S, C]`, float32, the crops of one image as the
        network takes them, to `[K]`, float32, the mean logits.
    """
    (name, image), *_ = model.input.items()
    signature = tf.TensorSpec([None, None, None, image.shape[-1]], tf.float32)

    @tf.function(input_signature=[signature])
    def predict(crops):
        (scores,) = model({name: crops}, training=False).values()
        return tf.reduce_mean(scores, axis=0)

    return predict
