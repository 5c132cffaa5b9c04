"""Pooled features are the means of what Keras' own layers give."""

import numpy as np
import pytest

from selfsup import inference, networks


@pytest.fixture(scope="module")
def backbone():
    return networks.alexnet(width=0.05)


def test_features_are_the_means_of_activations(backbone):
    image = np.random.default_rng(0).normal(size=(2, 40, 48, 1)).astype(np.float32)
    predict = inference.pooled_feature_predictor(backbone, ["relu2", "relu7"])
    for name, found in zip(["relu2", "relu7"], predict(image), strict=True):
        x = image
        for layer in backbone.layers[1:]:
            x = layer(x[0] if isinstance(x, (list, tuple)) else x)
            if layer.name == name:
                break
        np.testing.assert_allclose(found, np.mean(x, axis=(1, 2)), rtol=1e-4, atol=1e-6)


def test_one_layer_is_enough(backbone):
    image = np.zeros((1, 40, 40, 1), np.float32)
    (alone,) = inference.pooled_feature_predictor(backbone, ["relu2"])(image)
    _, beside = inference.pooled_feature_predictor(backbone, ["gray", "relu2"])(image)
    np.testing.assert_array_equal(alone, beside)


def test_an_unknown_layer_is_refused(backbone):
    with pytest.raises(ValueError, match="relu1, .*relu7.* Received: 'relu99'"):
        inference.pooled_feature_predictor(backbone, ["relu99"])


def test_a_layer_without_a_map_is_refused(backbone):
    # Two outputs: the activations and the border.
    with pytest.raises(ValueError, match="no such layer"):
        inference.pooled_feature_predictor(backbone, ["bias1"])
