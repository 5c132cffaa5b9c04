"""Files for other programs give the numbers of the model that they were made from."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import heads, networks
from selfsup.export import conversion

import contracts
import fakes


def _run_onnx(path, inputs):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def _run_litert(path, inputs):
    interpreter = tf.lite.Interpreter(str(path))
    return interpreter.get_signature_runner()(**inputs)


_RUN = {".onnx": _run_onnx, ".tflite": _run_litert}


@pytest.fixture(params=[".onnx", ".tflite"])
def ending(request):
    if request.param == ".onnx":
        for module in ("onnx", "tf2onnx", "onnxruntime"):
            pytest.importorskip(module)
    return request.param


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize(
    "name, options",
    [
        ("alexnet", {"padding": "bias", "rescaling": (1.0, 0.4488), "lrn": True}),
        ("vgg16", {"padding": "bias"}),
    ],
)
def test_a_backbone_gives_the_same_features(name, options, ending, tmp_path):
    model = fakes.randomize(fakes.network(name, **options), bias=0.3)
    # As from a file: Keras wants such models to have been called.
    model = contracts.save_and_load(model)
    path = conversion.convert(model, tmp_path / "new" / f"model{ending}")
    assert os.listdir(path.parent) == [path.name]
    for shape in ((1, 64, 96, 1), (2, 75, 50, 1)):
        image = fakes.image(*shape)
        expected = model(image).numpy()
        (actual,) = _RUN[ending](path, {"gray": image}).values()
        np.testing.assert_allclose(
            actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max()
        )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_a_classifier_gives_the_same_scores(ending, tmp_path):
    backbone = fakes.network("resnet50", input_channels=3, normalization="affine")
    model = heads.classifier(fakes.randomize(backbone, bias=0.3), 5)
    path = conversion.convert(model, tmp_path / f"model{ending}")
    image = fakes.image(1, 64, 96, 3)
    expected = model({"rgb": image})["classes"].numpy()
    (actual,) = _RUN[ending](path, {"rgb": image}).values()
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max()
    )


@pytest.mark.slow
def test_a_colorizer_gives_the_same_histograms(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    backbone = fakes.randomize(fakes.network("vgg16"), bias=0.3)
    model = heads.colorizer(backbone, networks.taps(backbone), bins=5, hidden=7)
    path = conversion.convert(model, tmp_path / "model.onnx")
    points = np.float32([[[0, 0], [3, 70.5], [63, 95], [20, 7]]])
    inputs = {"gray": fakes.image(1, 64, 96, 1), "points": points}
    expected, actual = model(inputs), _run_onnx(path, inputs)
    assert set(actual) == {"hue", "chroma"}
    for name in actual:
        np.testing.assert_allclose(actual[name], expected[name], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="LiteRT cannot hold .* model='colorizer'"):
        conversion.convert(model, tmp_path / "model.tflite")
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_existing_files_are_kept_and_wrong_endings_refused(tmp_path):
    model = fakes.network("vgg16")
    for name in ("model.onnx", "model.keras"):
        path = tmp_path / name
        path.write_text("mine")
        message = (
            rf"Expected the path of a new \{path.suffix} file\. Received: .*{name}"
        )
        with pytest.raises(FileExistsError, match=message):
            conversion.convert(model, path)
        assert path.read_text() == "mine"
    message = "ends in .keras or .onnx or .tflite. Received: .*.pb"
    with pytest.raises(ValueError, match=message):
        conversion.convert(model, tmp_path / "model.pb")


def test_the_backbone_of_a_model_is_converted_alone(tmp_path, monkeypatch):
    backbone = fakes.randomize(fakes.network("alexnet", lrn=True), bias=0.3)
    backbone.get_layer("norm1").alpha = 0.1
    taps = networks.taps(backbone)[-1:]
    heads.colorizer(backbone, taps, hidden=2).save(tmp_path / "colorizer.keras")
    monkeypatch.setattr(conversion, "convert", lambda model, path: model)
    image = fakes.image(1, 64, 96, 1)

    def converted(ckpt):
        model = conversion.convert_run(ckpt, "model.keras", backbone=True)
        assert heads.kind(model) == heads.BACKBONE
        return model(image)

    # Of a file, of a workdir without and with the backbone's own.
    for ckpt in (tmp_path / "colorizer.keras", tmp_path):
        np.testing.assert_allclose(converted(ckpt), backbone(image), rtol=0, atol=1e-5)
    other = fakes.randomize(fakes.network("vgg16"))
    other.save(tmp_path / "backbone.keras")
    np.testing.assert_allclose(converted(tmp_path), other(image), rtol=0, atol=1e-5)


def test_a_run_is_converted_but_no_foreign_model(tmp_path, monkeypatch):
    backbone = fakes.randomize(fakes.network("alexnet"), bias=0.3)
    (tmp_path / "run").mkdir()
    backbone.save(tmp_path / "run" / "backbone.keras")
    monkeypatch.setattr(conversion, "convert", lambda *given: given)
    model, path = conversion.convert_run(tmp_path / "run", tmp_path / "model.tflite")
    image = fakes.image(1, 64, 96, 1)
    np.testing.assert_allclose(model(image), backbone(image), rtol=0, atol=1e-4)
    assert path == tmp_path / "model.tflite"
    inputs = keras.Input((None, None, 1))
    other = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="no known kind.*other.keras"):
        conversion.convert_run(tmp_path / "other.keras", tmp_path / "other.tflite")


def test_a_missing_converter_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install -e '.\[onnx\]'. Received: "):
        conversion.convert(fakes.network("vgg16"), tmp_path / "model.onnx")


def test_a_failing_converter_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(keras.Model, "export", fail)
    with pytest.raises(RuntimeError, match="no such operation"):
        conversion.convert(fakes.network("vgg16"), tmp_path / "model.tflite")
    assert os.listdir(tmp_path) == []
