"""Probes of hypercolumns: a linear head and one with a hidden layer, by scikit-learn.

The fitted heads become segmenters, so that they are measured on whole images as any
other is.
"""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selfsup import heads
from selfsup.evaluation.probes import quietly_on_one_thread

KINDS = ("linear", "hidden")

# Inverse strength of the regularization; of equal ones the strongest is chosen.
_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)

# Share of the points that choices are made on.
_CHOICE_SHARE = 0.2

# Logit of a class that no point shows.
_NEVER = -1e4


def fit_head(kind, features, labels, units=256, seed=0):
    """Fits a head to standardized hypercolumns.

    Args:
        kind: `"linear"`, a logistic regression whose regularization the last fifth of
            the points chooses; or `"hidden"`, a network with one hidden layer, which
            ends when a random tenth of the points gains no more.
        features: `[N, C]`, float32, in the order of the images, so that the last fifth
            is of images of its own.
        labels: `[N]`, integers.
        units: Units of the hidden layer.
        seed: Seed of the random tenth and of the initial weights.

    Returns:
        A fitted pipeline of scikit-learn.
    """
    if kind == "linear":
        is_choice = np.arange(len(labels)) >= round((1 - _CHOICE_SHARE) * len(labels))
        head = GridSearchCV(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=100)),
            {"logisticregression__C": _STRENGTHS},
            cv=PredefinedSplit(np.where(is_choice, 0, -1)),
            error_score="raise",
        )
    else:
        network = MLPClassifier((units,), early_stopping=True, random_state=seed)
        head = make_pipeline(StandardScaler(), network)
    with quietly_on_one_thread():
        head.fit(features, labels)
    return head.best_estimator_ if kind == "linear" else head


def as_segmenter(head, backbone, taps, classes):
    """Builds a segmenter that predicts what a head does.

    Args:
        head: What `fit_head` returned.
        backbone: A model of `selfsup.networks`.
        taps: The taps that the features were read from.
        classes: Number of classes.

    Returns:
        A segmenter as `heads.segmenter` makes it.
    """
    scaler, fitted = head[0], head[-1]
    linear = isinstance(fitted, LogisticRegression)
    kernels = [fitted.coef_.T] if linear else list(fitted.coefs_)
    biases = [fitted.intercept_] if linear else list(fitted.intercepts_)
    # Of two classes only the second has a score.
    if len(fitted.classes_) == 2:
        kernels[-1] = np.pad(kernels[-1], [(0, 0), (1, 0)])
        biases[-1] = np.pad(biases[-1], [(1, 0)])
    kernel = np.zeros((len(kernels[-1]), classes))
    bias = np.full(classes, _NEVER)
    kernel[:, fitted.classes_], bias[fitted.classes_] = kernels[-1], biases[-1]
    if linear:
        # Through a hidden layer that changes nothing.
        weights = [kernel, bias, np.eye(classes), np.zeros(classes)]
    else:
        weights = [kernels[0], biases[0], kernel, bias]
    # Standardizing is linear: it goes into the first layer.
    weights[0] = weights[0] / scaler.scale_[:, None]
    weights[1] = weights[1] - scaler.mean_ @ weights[0]
    model = heads.segmenter(
        backbone, taps, classes, hidden=weights[0].shape[1], dropout=0.0
    )
    hidden, prediction = model.get_layer("h_fc1"), model.get_layer("prediction")
    if linear:
        hidden.activation = keras.activations.linear
    hidden.set_weights(weights[:2])
    prediction.set_weights(weights[2:])
    return model
