"""Models with heads are recognized by their names, inputs and outputs."""

import keras
import pytest

from selfsup import heads, networks

import fakes


def _model(kind, channels=1):
    backbone = fakes.network("vgg16", input_channels=channels)
    taps = networks.taps(backbone)
    return {
        "backbone": lambda: backbone,
        "colorizer": lambda: heads.colorizer(backbone, taps, hidden=2),
        "lab": lambda: heads.colorizer(backbone, taps, loss="lab", hidden=2),
        "segmenter": lambda: heads.segmenter(backbone, taps, 3, hidden=2),
        "classifier": lambda: heads.classifier(backbone, 3),
        "single_label_classifier": lambda: heads.classifier(
            backbone, 3, multi_label=False
        ),
        "jigsaw": lambda: heads.jigsaw(backbone, 3, hidden=2),
    }[kind]()


@pytest.mark.parametrize("kind", ["backbone", *heads.KINDS])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_is_recognized(kind, channels):
    model = _model(kind, channels)
    if kind == "colorizer" and channels == 3:
        with pytest.raises(ValueError, match="no known kind.*colorizer with inputs"):
            heads.kind(model)
    else:
        assert heads.kind(model) == kind
    if kind != "backbone":
        assert model.name == kind


def test_regression_of_colors_is_a_colorizer():
    assert heads.kind(_model("lab")) == "colorizer"


def test_foreign_models_are_of_no_kind():
    inputs = keras.Input((None, None, 1), name="gray")
    other = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs), name="other")
    with pytest.raises(ValueError, match="no known kind.*my.keras with inputs gray"):
        heads.kind(other, "my.keras")


def test_a_model_of_another_kind_is_refused():
    model = _model("segmenter")
    assert heads.check_kind(model, ["colorizer", "segmenter"]) == "segmenter"
    with pytest.raises(ValueError, match="a colorizer. Received: segmenter, a segm"):
        heads.check_kind(model, ["colorizer"])
