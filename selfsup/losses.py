"""Losses of pretraining, as plain Keras losses on logits."""

import keras
from keras import ops

# The original clamps the arguments of both logarithms at FLT_MIN.
_TINY = 1.1754944e-38


@keras.saving.register_keras_serializable(package="selfsup")
class HistogramKL(keras.losses.Loss):
    """Divergence `KL(target || softmax(logits))` of each histogram.

    `sum_k q_k (log q_k - log p_k)`, averaged over all B x P points; sample
    weights multiply each point's term and do not change the divisor, as in
    the original code (its normalisation FULL). Bins with `q_k = 0` add nothing.

    Args:
        name: Name of the loss.
        reduction: As in every Keras loss.

    Call arguments:
        y_true: `[B, P, K]`, float, not negative, summing to 1 over K.
        y_pred: `[B, P, K]`, float, logits.

    Example:

    >>> loss = HistogramKL()([[[0.5, 0.5, 0.0, 0.0]]], [[[0.0, 0.0, 0.0, 0.0]]])
    >>> round(float(loss), 4)
    0.6931
    """

    def __init__(
        self, name="histogram_kl", reduction="sum_over_batch_size", dtype="float32"
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        # float32 whatever the policy: 8 bits of bfloat16 are too few for logs.
        target = ops.cast(y_true, "float32")
        log_prediction = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        log_target = ops.log(ops.maximum(target, _TINY))
        return ops.sum(target * (log_target - log_prediction), axis=-1)


@keras.saving.register_keras_serializable(package="selfsup")
class LabL2(keras.losses.Loss):
    """Squared distance of predicted and true Lab colour at each point.

    `sum_c (y_c - t_c)^2` over the two channels a and b, averaged over all
    B x P points (paper section 3, the regression baseline of Table 2).

    Args:
        scale: Factor on the loss. The trainer sets it so that the gradient
            that first reaches the backbone is as long as the histogram loss's.
        name: Name of the loss.
        reduction: As in every Keras loss.

    Call arguments:
        y_true: `[B, P, 2]`, float, the scaled a and b.
        y_pred: `[B, P, 2]`, float.
    """

    def __init__(
        self,
        scale=1.0,
        name="lab_l2",
        reduction="sum_over_batch_size",
        dtype="float32",
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.scale = scale

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        difference = ops.cast(y_pred, "float32") - y_true
        return self.scale * ops.sum(ops.square(difference), axis=-1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
