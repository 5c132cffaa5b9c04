"""What is served equals what the package's evaluation computes."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, heads, inference
from selfsup.export import ExportConfig, ExportedModel, serving_heads

import fakes

SIDE = 24
CLASSES = ("cat", "dog", "owl")


@pytest.fixture(autouse=True)
def seed():
    # Of the heads: of a few channels some seeds predict one color, or class.
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def image():
    """Noise, `[H, W, 3]`, uint8, of a size that no network likes."""
    return np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)


def answers(exported, image, config=None):
    """Returns the maps and the small answers, as in a graph."""
    head = serving_heads.build(exported, config or ExportConfig())

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3])], autograph=False)
    def answer(image):
        maps = head.predict(image)
        return maps, head.encode(maps)

    return answer(image / np.float32(255.0))


@pytest.mark.parametrize(
    "loss, side, modes",
    [
        ("histogram", SIDE, {}),
        ("histogram", None, {"hue_mode": "mode", "chroma_mode": "expectation"}),
        ("lab", SIDE, {}),
    ],
)
def test_colors_are_those_of_color_image(tiny, image, loss, side, modes):
    model = heads.colorizer(*tiny, 8, loss=loss, hidden=8, hidden_stddev=10.0)
    maps, small = answers(
        ExportedModel("colorizer", model, side), image, ExportConfig(**modes)
    )
    predict = inference.dense_predictor(model)
    expected = inference.color_image(predict, image / np.float32(255), side, **modes)
    assert np.ptp(expected, axis=-1).max() > 0.1, "nothing is colored"
    np.testing.assert_allclose(maps["rgb"], expected, atol=1e-5)
    png = tf.io.decode_png(small["colorized_bytes"]).numpy()
    assert np.abs(png - 255.0 * expected).max() < 0.51


def segmenter(tiny, image):
    """Builds a segmenter that finds every class in an image."""
    model = heads.segmenter(*tiny, 3, hidden=8, hidden_stddev=1.0)
    logits = heads.dense(model)(data.as_network_input(image)[None])["classes"]
    model.get_layer("prediction").bias.assign(-tf.reduce_mean(logits, (0, 1, 2)))
    return model


def test_classes_are_those_of_the_evaluation(tiny, image):
    model = segmenter(tiny, image)
    maps, small = answers(ExportedModel("segmenter", model, None, None, CLASSES), image)
    probabilities = maps["probabilities"].numpy()
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    png = tf.io.decode_png(small["class_map_bytes"]).numpy()
    assert png.shape == (37, 50, 1)
    np.testing.assert_array_equal(png[..., 0], probabilities.argmax(-1))
    predict = inference.class_map_predictor(model)
    expected = predict(data.as_network_input(image)).numpy()
    assert len(np.unique(expected)) == 3
    # Gray is computed in another order: a tie may fall the other way.
    assert np.mean(png[..., 0] == expected) > 0.998


def test_a_scaled_segmenter_sees_the_scaled_image(tiny, image):
    model = segmenter(tiny, image)
    maps, _ = answers(ExportedModel("segmenter", model, SIDE, None, CLASSES), image)
    gray = (
        inference.resize_short_side(data.as_network_input(image) + 0.4488, SIDE)
        - 0.4488
    )
    logits = heads.dense(model)(gray[None])["classes"]
    expected = tf.image.resize(tf.nn.softmax(logits), image.shape[:2])[0]
    np.testing.assert_allclose(maps["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("crop_size", [20, 45])
def test_scores_are_those_of_the_fixed_crops(tiny, image, crop_size, multi_label):
    model = heads.classifier(tiny[0], 3, multi_label=multi_label)
    exported = ExportedModel(heads.kind(model), model, None, crop_size, CLASSES)
    maps, small = answers(exported, image)
    crops = data.voc.fixed_crops(image, crop_size)
    (scores,) = model({"gray": crops}).values()
    # Mirror images may have another label where there is one only.
    expected = scores.numpy()[: None if multi_label else 5].mean(0)
    np.testing.assert_allclose(small["scores"], expected, rtol=1e-4, atol=1e-5)
    probabilities = 1 / (1 + np.exp(-expected))
    if not multi_label:
        # One class excludes the others.
        probabilities = np.exp(expected) / np.exp(expected).sum()
    np.testing.assert_allclose(maps["probabilities"], probabilities, rtol=1e-4)
    assert [name.decode() for name in small["labels"].numpy()] == list(CLASSES)


def test_features_are_the_mean_of_the_last_map(tiny, image, tmp_path):
    backbone, _ = tiny
    maps, small = answers(ExportedModel("backbone", backbone, SIDE), image)
    cv2.imwrite(str(tmp_path / "x.png"), image[..., ::-1])
    expected = backbone(data.network_input(tmp_path / "x.png", SIDE)).numpy()
    np.testing.assert_allclose(maps["features"], expected[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        small["features"], expected.mean((0, 1, 2)), rtol=1e-3, atol=1e-4
    )


def test_color_networks_get_color(image):
    backbone = fakes.randomize(fakes.network("alexnet", input_channels=3), bias=0.1)
    maps, _ = answers(ExportedModel("backbone", backbone), image)
    expected = backbone(data.as_network_input(image, color_input=True)[None])[0]
    np.testing.assert_allclose(maps["features"], expected, rtol=1e-3, atol=1e-4)
