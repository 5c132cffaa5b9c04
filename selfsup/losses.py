"""Losses of pretraining and of the downstream tasks, as plain Keras losses."""

import keras
from keras import ops

# The original clamps the arguments of both logarithms at FLT_MIN.
_TINY = 1.1754944e-38


@keras.saving.register_keras_serializable(package="selfsup")
class HistogramKL(keras.losses.Loss):
    """Divergence `KL(target || softmax(logits))` of each histogram.

    `sum_k q_k (log q_k - log p_k)`, averaged over all B x P points; sample
    weights multiply each point's term and do not change the divisor, as in
    the original code (its normalization FULL). Bins with `q_k = 0` add nothing.

    Args:
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: `[B, P, K]`, float, not negative, summing to 1 over K.
        y_pred: `[B, P, K]`, float, logits.

    Example:

    >>> loss = HistogramKL()([[[0.5, 0.5, 0.0, 0.0]]], [[[0.0, 0.0, 0.0, 0.0]]])
    >>> round(float(loss), 4)
    0.6931
    """

    def __init__(self, name="histogram_kl", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        # float32 whatever the policy: 8 bits of bfloat16 are too few for logs.
        target = ops.cast(y_true, "float32")
        log_prediction = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        log_target = ops.log(ops.maximum(target, _TINY))
        return ops.sum(target * (log_target - log_prediction), axis=-1)


@keras.saving.register_keras_serializable(package="selfsup")
class LabL2(keras.losses.Loss):
    """Squared distance of predicted and true Lab color at each point.

    `sum_c (y_c - t_c)^2` over the two channels a and b, averaged over all
    B x P points (paper section 3, the regression baseline of Table 2).

    Args:
        scale: Factor on the loss. The trainer sets it so that the gradient
            that first reaches the backbone is as large as the histogram loss's.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: `[B, P, 2]`, float, the scaled a and b.
        y_pred: `[B, P, 2]`, float.

    Example:

    >>> float(LabL2(scale=0.5)([[[0.0, 0.0]]], [[[1.0, 3.0]]]))
    5.0
    """

    def __init__(self, scale=1.0, name="lab_l2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        difference = ops.cast(y_pred, "float32") - ops.cast(y_true, "float32")
        return self.scale * ops.sum(ops.square(difference), axis=-1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="selfsup")
class MaskedCrossEntropy(keras.losses.Loss):
    """Cross entropy of the class at each point, without the points to ignore.

    `-log softmax(logits)[label]`, averaged over the points that have a label;
    0 if none has (paper section 4.2; VOC calls the others void).

    With sample weights it is `sum(w * ce) / N` over all N points, as in every
    Keras loss, and points to ignore count in N. To have the mean over the
    labeled points of a whole batch that is split over replicas or accumulated,
    give each point the weight N / n, with n the labeled ones of the whole batch.

    Args:
        ignore: Label of the points to ignore.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: `[...]` (`[B]`, `[B, P]`, `[B, H, W]`) or `[..., 1]`, integers
            in `[0, L)` or `ignore`. A graph cannot raise an error, so other labels
            count as the nearest class: check them where they are read.
        y_pred: `[..., L]`, float, logits.

    Example:

    >>> loss = MaskedCrossEntropy()([[0, 255]], [[[0.0, 0.0], [9.0, 0.0]]])
    >>> round(float(loss), 4)
    0.6931
    """

    def __init__(self, ignore=255, name="masked_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.ignore = ignore

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is None and self.reduction not in ("sum", "none", None):
            labels = _without_unit_axis(y_true, y_pred)
            labeled = ops.cast(ops.not_equal(labels, self.ignore), "float32")
            # The mean over all points of these weights is 1, or 0 without labels.
            sample_weight = ops.divide_no_nan(labeled, ops.mean(labeled))
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        logits = ops.convert_to_tensor(y_pred, dtype="float32")
        labels = ops.cast(_without_unit_axis(y_true, logits), "int32")
        # Looking up a label that is no class gives NaN, which no mask removes.
        classes = ops.clip(labels, 0, logits.shape[-1] - 1)
        losses = ops.sparse_categorical_crossentropy(classes, logits, from_logits=True)
        return ops.where(ops.equal(labels, self.ignore), 0.0, losses)

    def get_config(self):
        return {**super().get_config(), "ignore": self.ignore}


@keras.saving.register_keras_serializable(package="selfsup")
class MaskedBinaryCrossEntropy(keras.losses.Loss):
    """Sigmoid cross entropy of each image, summed over its known labels.

    `sum_l log(1 + exp(z_l)) - y_l z_l` over the classes whose label is not
    `ignore`, then averaged over the batch, as in the original code, which
    means to ignore VOC's difficult objects too.

    Args:
        ignore: Label of the classes to ignore.
        name: Name of the loss.
        **kwargs: Further arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: `[B, L]`, 0, 1 or `ignore`.
        y_pred: `[B, L]`, float, logits.

    Example:

    >>> loss = MaskedBinaryCrossEntropy()([[1, 255, 0]], [[0.0, 9.0, 0.0]])
    >>> round(float(loss), 4)
    1.3863
    """

    def __init__(self, ignore=255, name="masked_binary_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.ignore = ignore

    def call(self, y_true, y_pred):
        ignored = ops.equal(y_true, self.ignore)
        target = ops.where(ignored, 0.0, ops.cast(y_true, "float32"))
        logits = ops.cast(y_pred, "float32")
        losses = ops.binary_crossentropy(target, logits, from_logits=True)
        return ops.sum(ops.where(ignored, 0.0, losses), axis=-1)

    def get_config(self):
        return {**super().get_config(), "ignore": self.ignore}


def _without_unit_axis(labels, logits):
    """Drops the last axis of labels that Keras appends to those of rank 1."""
    labels = ops.convert_to_tensor(labels)
    same_rank = ops.ndim(labels) == ops.ndim(logits)
    return ops.squeeze(labels, axis=-1) if same_rank else labels
