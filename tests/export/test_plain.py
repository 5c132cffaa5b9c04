"""Plain Keras files: stock layers alone, and the function that it was."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from selfsup import data, heads, networks
from selfsup.export import conversion, plain

import fakes

# The least sizes at which all pools of AlexNet have two rows, and others.
SIZES = (39, 40), (64, 96), (101, 75)

MODELS = {
    "vgg16": {"normalization": "affine", "fov_blocks": 1, "rescaling": (2.0, 0.1)},
    "alexnet": {"lrn": True, "input_channels": 3, "fov_blocks": 2},
    "resnet": {"normalization": "affine", "fov_blocks": 1},
    "resnet50": {},
}

# A program that has neither this package nor its layers.
_ELSEWHERE = """
import sys
sys.modules["selfsup"] = None
import keras, numpy
images = dict(numpy.load(sys.argv[1]))
for path in sys.argv[2:]:
    model = keras.models.load_model(path)
    channels = model.input.shape[-1]
    maps = {k: model(x) for k, x in images.items() if x.shape[-1] == channels}
    numpy.savez(path + ".npz", **maps)
"""


@pytest.fixture(scope="module")
def images(photos):
    """Parts of real photographs, gray and color, by name; a dict."""
    color = data.load_image(photos / "chelsea.jpg")[None] / np.float32(255) - 0.4488
    gray = data.network_input(photos / "coffee.jpg")
    return {
        f"{kind}{size[0]}": np.asarray(image[:, : size[0], : size[1]])
        for kind, image in (("gray", gray), ("rgb", color))
        for size in SIZES
    }


def _network(name):
    model = fakes.randomize(fakes.network(name, **MODELS[name]), bias=0.5)
    for layer in model.layers:
        if layer.name.startswith("norm"):
            # Caffe's constant is too small to notice, and a trained one differs.
            layer.alpha = 0.1
    return model


def _assert_stock(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json").decode()
    assert "selfsup" not in text and "Lambda" not in text
    entries = json.loads(text)["config"]["layers"]
    modules = {entry["module"] for entry in entries}
    # Powers and squares are operations, the rest layers.
    assert modules <= {"keras.layers", "keras.src.ops.numpy"}
    assert all(
        entry["registered_name"] in (None, entry["class_name"]) for entry in entries
    )


def _assert_equal(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5 * scale)


def _matching(model, images):
    return [x for x in images.values() if x.shape[-1] == model.input.shape[-1]]


@pytest.mark.parametrize("name", MODELS)
def test_every_map_is_what_it_was(name, images, tmp_path, small_resnet):
    model = _network(name)
    path = conversion.convert(model, tmp_path / "new" / "plain.keras")
    _assert_stock(path)
    loaded = keras.models.load_model(path)
    kept = {layer.name for layer in loaded.layers}
    names = [
        layer.name
        for layer in model.layers
        if layer.name in kept
        and layer.name.startswith(("relu", "pool", "norm", "res"))
        # Those now have the bias that stood behind them.
        and not isinstance(layer, keras.layers.Conv2D)
    ]
    assert set(tap.layer for tap in networks.taps(model)) <= kept
    assert networks.taps(loaded) == networks.taps(model)
    before, after = (
        fakes.maps(m, [*names, model.layers[-1].name]) for m in (model, loaded)
    )
    for image in _matching(model, images):
        for x, y in zip(before(image), after(image), strict=True):
            _assert_equal(y, x)


@pytest.mark.slow
def test_files_load_where_this_package_is_not_installed(images, tmp_path, small_resnet):
    models = {name: _network(name) for name in ("vgg16", "alexnet", "resnet")}
    paths = [
        str(conversion.convert(model, tmp_path / f"{name}.keras"))
        for name, model in models.items()
    ]
    np.savez(tmp_path / "images.npz", **images)
    subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(tmp_path / "images.npz"), *paths],
        check=True,
        cwd=tmp_path,
    )
    for path, model in zip(paths, models.values(), strict=True):
        found = np.load(f"{path}.npz")
        assert len(found.files) == len(SIZES)
        for name in found.files:
            _assert_equal(found[name], model(images[name]).numpy())


def test_a_classifier_is_written_whole(images, tmp_path):
    backbone = fakes.network("alexnet", input_channels=3, padding="zeros")
    model = heads.classifier(fakes.randomize(backbone, bias=0.5), 5, multi_label=False)
    path = conversion.convert(model, tmp_path / "plain.keras")
    _assert_stock(path)
    loaded = keras.models.load_model(path)
    assert heads.kind(loaded) == "single_label_classifier"
    for image in _matching(backbone, images):
        image = {"rgb": image}
        _assert_equal(loaded(image)["label"], model(image)["label"].numpy())


def test_a_plain_model_stays_what_it_is(images):
    model = plain.of_stock_layers(_network("alexnet"))
    again = plain.of_stock_layers(model)
    assert [x.name for x in again.layers] == [x.name for x in model.layers]
    image = images["rgb64"]
    np.testing.assert_array_equal(again(image), model(image))


def test_the_model_is_not_changed_and_frozen_layers_stay_frozen():
    model = _network("vgg16")
    model.get_layer("conv1_1").trainable = False
    before = [np.array(variable) for variable in model.weights]
    result = plain.of_stock_layers(model)
    for variable, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert not result.get_layer("conv1_1").trainable
    assert result.get_layer("conv1_2").trainable


def test_what_keras_lacks_is_refused(tmp_path):
    backbone = fakes.network("vgg16")
    taps = networks.taps(backbone)[-1:]
    inputs = keras.Input((None, None, 1), name="gray")
    for model, message in (
        (fakes.network("vgg16", padding="bias"), "pads with zeros.*padding='bias'"),
        (heads.colorizer(backbone, taps, hidden=2), "--backbone.*a colorizer$"),
        (heads.segmenter(backbone, taps, 3, hidden=2), "--backbone.*a segmenter$"),
        (keras.Model(inputs, keras.layers.ReLU()(inputs)), "no known kind"),
    ):
        with pytest.raises(ValueError, match=message):
            conversion.convert(model, tmp_path / "plain.keras")
    assert not list(tmp_path.iterdir())
