"""Scores averaged over the crops of an image."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import heads, inference

import fakes

SIDE = 32


def _classifier(classes=3, name="resnet", **network):
    backbone = fakes.network(name, **network)
    return fakes.randomize(heads.classifier(backbone, classes), bias=0.3)


@pytest.fixture(scope="module")
def model():
    return _classifier()


def _mean_gray(crops):
    """A predictor of one class: the mean of all crops."""
    return tf.reduce_mean(crops)[None]


@pytest.mark.parametrize("channels, name", [(1, "gray"), (3, "rgb")])
def test_scores_are_means_over_crops_of_logits(channels, name):
    model = _classifier(input_channels=channels)
    predict = inference.score_predictor(model)
    for count, side in ((1, 40), (3, 33), (10, 47)):
        crops = fakes.image(count, side, side, channels, seed=count)
        # One crop after the other.
        logits = [model({name: crop[None]})["classes"][0].numpy() for crop in crops]
        expected = np.mean(np.float64(logits), axis=0)
        scores = predict(crops)
        assert scores.dtype == tf.float32
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(logits, axis=0).min() > 1e-3
    assert predict.experimental_get_tracing_count() == 1


def test_statistics_and_dropout_are_those_of_inference():
    model = _classifier(name="vgg16", dropout=0.5)
    before = [np.array(weight) for weight in model.weights]
    predict = inference.score_predictor(model)
    crops = fakes.image(2, 40, 40, 1)
    np.testing.assert_array_equal(predict(crops), predict(crops))
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
