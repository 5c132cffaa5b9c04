"""Heads of scikit-learn become segmenters that predict the same."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from selfsup import heads, networks
from selfsup.evaluation import segmentation_probes

POINTS = 200


@pytest.fixture(scope="module")
def network():
    """A backbone, its taps, an image with points, and the hypercolumns there."""
    backbone = networks.alexnet(width=0.03)
    taps = networks.taps(backbone)
    rng = np.random.default_rng(2)
    image = rng.normal(size=(1, 48, 56, 1)).astype(np.float32)
    points = rng.integers(0, [48, 56], size=(1, POINTS, 2)).astype(np.float32)
    inputs = {"gray": tf.constant(image), "points": tf.constant(points)}
    model = heads.segmenter(backbone, taps, 2)
    column = model.get_layer("hypercolumn")
    maps = [backbone.get_layer(tap.layer).output for tap in taps]
    features = keras.Model(backbone.input, maps)(image)
    return backbone, taps, inputs, column(features, points)[0].numpy()


@pytest.mark.parametrize("kind", segmentation_probes.KINDS)
@pytest.mark.parametrize("seen", [(0, 1, 2, 3), (0, 2), (1, 2, 3)])
def test_a_segmenter_predicts_what_its_head_does(network, kind, seen):
    backbone, taps, inputs, features = network
    direction = np.random.default_rng(5).normal(size=features.shape[1])
    order = np.argsort(np.argsort((features - features.mean(0)) @ direction))
    labels = np.array(seen)[order * len(seen) // POINTS]
    head = segmentation_probes.fit_head(kind, features, labels, units=8)
    model = segmentation_probes.as_segmenter(head, backbone, taps, 4)
    assert heads.kind(model) == "segmenter"
    found = scipy.special.softmax(model(inputs)["classes"][0].numpy(), axis=-1)
    expected = np.zeros((POINTS, 4))
    expected[:, list(seen)] = head.predict_proba(features)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Whole images too.
    dense = heads.dense(model)(inputs["gray"])["classes"].numpy()[0]
    rows, columns = inputs["points"][0].numpy().astype(int).T
    at_points = scipy.special.softmax(dense[rows, columns], axis=-1)
    np.testing.assert_allclose(at_points, found, atol=1e-5)


def test_a_linear_head_learns_what_is_linear(network):
    *_, features = network
    labels = (features @ np.random.default_rng(5).normal(size=features.shape[1])) > 0
    head = segmentation_probes.fit_head("linear", features, labels.astype(int))
    assert np.mean(head.predict(features) == labels) > 0.9
