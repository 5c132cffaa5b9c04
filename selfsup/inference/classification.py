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


def batch_score_predictor(model):
    """Compiles the same for several images at once.

    Args:
        model: As in `score_predictor`.

    Returns:
        A function from `[B, N, S, S, C]`, float32, the crops of images, to `[B, K]`,
        float32, the mean logits of each image.
    """
    (name, image), *_ = model.input.items()
    signature = tf.TensorSpec([None, None, None, None, image.shape[-1]], tf.float32)

    @tf.function(input_signature=[signature])
    def predict(crops):
        shape = tf.shape(crops)
        crops = tf.reshape(crops, tf.concat([[shape[0] * shape[1]], shape[2:]], 0))
        (scores,) = model({name: crops}, training=False).values()
        scores = tf.reshape(scores, [shape[0], shape[1], scores.shape[-1]])
        return tf.reduce_mean(scores, axis=1)

    return predict
