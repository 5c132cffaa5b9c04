"""Caffe's files in our networks: what NumPy computes from a file is the oracle."""

import keras
import numpy as np
import pytest

from selfsup import networks, weights
from selfsup.weights import assignment, caffe, memory

import caffe_files
import contracts
import fakes


def _image(channels, height, width, seed=0):
    """Returns an image `[C, H, W]` minus its mean, blue first."""
    return np.random.default_rng(seed).uniform(-0.45, 0.55, (channels, height, width))


def _ours(image):
    """Returns it as our networks take it: `[1, H, W, C]`, red first."""
    return image[::-1].transpose(1, 2, 0)[None].astype(np.float32)


def _assert_same_activations(model, expected, image, names):
    # One output more, as Keras makes a single one bare.
    outputs = fakes.maps(model, [*names.values(), model.layers[0].name])(_ours(image))
    for name, output in zip(names, outputs[:-1], strict=True):
        assert expected[name].std() > 0.05, name
        contracts.assert_close(
            np.array(output[0]).transpose(2, 0, 1),
            expected[name],
            # Of sums of large numbers that cancel.
            atol=1e-5 * expected[name].max(),
        )


_VGG = {"conv1_1": "relu1_1", "conv3_3": "relu3_3", "fc6": "drop6", "fc7": "drop7"}


@pytest.mark.parametrize(
    "channels, matrices", [(1, True), (3, False)], ids=["gray, 2-D", "bgr, 4-D"]
)
def test_vgg16_activations(channels, matrices, tmp_path):
    layers = caffe_files.vgg16(channels=channels, matrices=matrices)
    path = caffe_files.write(
        tmp_path / "x.h5", layers, empty=["relu1_1", "loss"], diff=True
    )
    model, report = caffe.load(path)
    assert networks.describe(model) == {
        **networks.describe(networks.vgg16(channels, width=1 / 16)),
        "width": 0.0625,
    }
    image = _image(channels, 37, 50)
    _assert_same_activations(model, caffe_files.run_vgg16(layers, image), image, _VGG)
    assert report.origin == str(path)


@pytest.mark.parametrize(
    "changes, normalization",
    [({"scale": True}, "affine"), ({"norm": False}, "none")],
    ids=["scaled", "no normalization"],
)
def test_vgg16_with_other_normalization(changes, normalization, tmp_path):
    layers = caffe_files.vgg16(**changes)
    model, _ = caffe.load(caffe_files.write(tmp_path / "x.h5", layers), "vgg16")
    assert networks.describe(model)["normalization"] == normalization
    image = _image(1, 33, 40)
    _assert_same_activations(model, caffe_files.run_vgg16(layers, image), image, _VGG)


@pytest.mark.parametrize(
    "channels, lrn", [(3, None), (1, False)], ids=["bgr, lrn", "gray, no lrn"]
)
def test_alexnet_activations(channels, lrn, tmp_path):
    layers = caffe_files.alexnet(channels=channels)
    # So large that local response normalization is seen.
    layers["batch_conv1"][1] *= 1e-4
    path = caffe_files.write(tmp_path / "x.h5", layers)
    model, _ = caffe.load(path, lrn=lrn)
    model = weights.adapt(model, fc6_padding="valid")
    image = _image(channels, 227, 227)
    expected = caffe_files.run_alexnet(layers, image, normalized=lrn is None)
    other = caffe_files.run_alexnet(layers, image, normalized=lrn is not None)
    assert abs(expected["conv2"] - other["conv2"]).max() > 0.05
    names = {"conv2": "relu2", "conv5": "relu5", "fc6": "drop6", "fc7": "drop7"}
    _assert_same_activations(model, expected, image, names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "channels, scale", [(3, True), (1, False)], ids=["bgr, scaled", "gray, plain"]
)
def test_resnet50_activations(channels, scale, tmp_path):
    layers = caffe_files.resnet(channels=channels, scale=scale)
    model, _ = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    description = networks.describe(model)
    assert description["normalization"] == ("affine" if scale else "plain")
    names = {"conv1": "conv1_relu", "res2a": "res2a_relu", "res5c": "res5c_relu"}
    image = _image(channels, 61, 80)
    expected = caffe_files.run_resnet(layers, image)
    _assert_same_activations(model, expected, image, names)


@pytest.mark.slow
def test_resnet152_activations(tmp_path):
    layers = caffe_files.resnet(caffe_files.RESNET152, divisor=8, channels=3)
    path = caffe_files.write(tmp_path / "x.h5", layers)
    model, _ = caffe.load(path)
    assert networks.recognize(model) == "resnet152"
    names = {name: f"{name}_relu" for name in ("conv1", "res3b7", "res4b5", "res4b20")}
    image = _image(3, 61, 80)
    expected = caffe_files.run_resnet(layers, image)
    _assert_same_activations(model, expected, image, names)
    with pytest.raises(ValueError, match="those of resnet152"):
        caffe.load(path, "resnet50")


_DEPLOYED = ("h_fc1", "prediction_h", "prediction_c")
_TRAINED = ("colorize_fc1", "prediction_h4", "prediction_c4")
_POINTS = np.array([[0, 0], [11, 30], [31.0, 7.5], [63, 63], [40, 21]])


def _logits(model, image):
    name = "gray" if len(image) == 1 else "rgb"
    outputs = model({name: _ours(image), "points": np.float32(_POINTS[None])})
    return [np.array(outputs[name][0]) for name in ("hue", "chroma")]


@pytest.mark.parametrize(
    "channels, image_tap", [(3, True), (1, False)], ids=["bgr, data", "gray, no data"]
)
def test_training_file_with_head(channels, image_tap, tmp_path):
    inputs = 776 + channels * image_tap
    layers = {
        **caffe_files.vgg16(channels=channels),
        **caffe_files.head(inputs, names=_TRAINED),
    }
    model, _ = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    assert model.name == "colorizer" and "rescaling" not in networks.describe(model)
    image = _image(channels, 64, 64)
    activations = caffe_files.run_vgg16(layers, image)
    expected = caffe_files.run_head(layers, activations, _POINTS, _TRAINED, image_tap)
    contracts.assert_close(_logits(model, image), expected, 1e-4, 1e-4)


@pytest.mark.parametrize("square", [True, False], ids=["4-D", "2-D"])
def test_deployed_file_takes_raw_gray(square, tmp_path):
    layers = {
        **caffe_files.vgg16(norm=False),
        **caffe_files.head(777, names=_DEPLOYED, square=square),
    }
    # The image counts, so that a wrong convention is seen in the head too.
    layers["h_fc1"][0][:, 0] += 2
    model, report = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    assert networks.describe(model)["rescaling"] == [1.0, 0.4488]
    raw = np.random.default_rng(0).uniform(0, 1, (1, 64, 64))
    activations = caffe_files.run_vgg16(layers, raw)
    expected = caffe_files.run_head(layers, activations, _POINTS, _DEPLOYED)
    contracts.assert_close(_logits(model, raw - 0.4488), expected, 1e-4, 1e-4)
    rows = {row.parameter: row for row in report.rows}
    assert rows["rescaling"].source == "h_fc1 without batch normalization"
    assert rows["rescaling"].how == "[0, 1] minus 0.4488, times 1, plus 0.4488"
    how = "plus 0.4488 times the image's part of the kernel"
    assert rows["h_fc1/bias"].how == how


def test_convention_of_a_deployed_file_without_its_head(tmp_path):
    layers = {
        **caffe_files.vgg16(norm=False),
        **caffe_files.head(777, names=_DEPLOYED),
    }
    path = caffe_files.write(tmp_path / "x.h5", layers)
    model, _ = caffe.load(path, skip=_DEPLOYED)
    assert model.name == "vgg16"
    assert networks.describe(model)["rescaling"] == [1.0, 0.4488]
    model, _ = caffe.load(path, skip=_DEPLOYED, input_mean=0.4488)
    assert "rescaling" not in networks.describe(model)


def test_other_convention_of_a_colorizer_for_color(tmp_path):
    """As of networks for 0 to 255 minus a mean color, the head sees that too."""
    layers = {
        **caffe_files.vgg16(channels=3),
        **caffe_files.head(779, names=_TRAINED),
    }
    layers["colorize_fc1"][0][:, :3] /= 100
    path = caffe_files.write(tmp_path / "x.h5", layers)
    model, _ = caffe.load(path, input_mean=(0.5, 0.25, 0.125), input_scale=255)
    bgr = np.random.default_rng(0).uniform(0, 1, (3, 64, 64))
    seen = 255 * (bgr - np.array([0.125, 0.25, 0.5])[:, None, None])
    expected = caffe_files.run_head(
        layers, caffe_files.run_vgg16(layers, seen), _POINTS, _TRAINED
    )
    logits = _logits(model, bgr - 0.4488)
    assert np.abs(expected).max() > 5
    contracts.assert_close(logits, expected, 1e-3, 1e-3 * np.abs(expected).max())


def test_slices_make_the_same_model(tmp_path, monkeypatch):
    layers = {**caffe_files.vgg16(channels=3), **caffe_files.head(779)}
    path = caffe_files.write(tmp_path / "x.h5", layers)
    options = {"input_mean": 0.1, "border": "absorbed"}
    expected, _ = caffe.load(path, **options)
    monkeypatch.setattr(memory, "SLICE", 5000)
    model, _ = caffe.load(path, **options)
    contracts.assert_close(model.get_weights(), expected.get_weights(), 0, 0)


def test_bias_is_in_the_mean_and_border_is_zero(tmp_path):
    layers = caffe_files.vgg16()
    layers["batch_conv1_1"] = [[6, 8, 2, 4], [2, 4, 6, 8], [2]]
    layers["conv1_1"][1] = np.array([1, 2, 3, 4.0])
    model, report = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    batch, bias = model.get_layer("batch_conv1_1"), model.get_layer("bias1_1")
    # 6 / 2 - 1 and so on.
    np.testing.assert_allclose(batch.moving_mean, [2, 2, -2, -2])
    np.testing.assert_allclose(batch.moving_variance, [1, 2, 3, 4])
    np.testing.assert_array_equal([bias.bias, bias.shift], np.zeros((2, 4)))
    rows = {row.parameter: row for row in report.rows}
    assert rows["batch_conv1_1/moving_mean"].source == (
        "batch_conv1_1/0, batch_conv1_1/2, conv1_1/1"
    )
    how = "divided by the factor 2, minus the bias"
    assert rows["batch_conv1_1/moving_mean"].how == how
    assert rows["conv1_1/kernel"].how == "OIHW to HWIO"
    assert rows["fc6/kernel"].how == "matrix to HWIO"
    assert list(rows) == list(assignment.parameters(model))


def test_factor_zero_counts_as_in_caffe(tmp_path):
    layers = caffe_files.vgg16()
    layers["batch_conv1_2"][2] = np.zeros(1)
    layers["conv1_2"][0] *= 0.003  # As nothing divides it: sqrt(1e-5) does.
    model, report = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    image = _image(1, 33, 40)
    expected = caffe_files.run_vgg16(layers, image)
    _assert_same_activations(model, expected, image, {"conv1_2": "relu1_2"})
    assert "times 0, as the factor is 0" in str(report)


def test_absorbed_border_is_the_authors_variant(tmp_path):
    layers = caffe_files.vgg16()
    path = caffe_files.write(tmp_path / "x.h5", layers)
    model, report = caffe.load(path, border="absorbed")
    assert networks.describe(model)["normalization"] == "none"
    image = _image(1, 33, 40)
    _assert_same_activations(model, caffe_files.run_vgg16(layers, image), image, _VGG)
    mean, variance, factor = layers["batch_conv2_2"]
    border = (layers["conv2_2"][1] - mean / factor) / np.sqrt(variance / factor + 1e-5)
    np.testing.assert_allclose(model.get_layer("bias2_2").bias, border, rtol=1e-5)
    assert "times what BN multiplies by" in str(report)
    padded = weights.adapt(model, padding="bias")
    outputs = fakes.maps(padded, ["relu2_2", "relu3_1"])(_ours(image))
    # Padding by hand with the ReLU of that bias.
    x = caffe_files.pool(np.array(outputs[0][0]).transpose(2, 0, 1), 2, 2)
    value = np.maximum(border, 0)[:, None, None]
    x = np.pad(x - value, ((0, 0), (1, 1), (1, 1))) + value
    y = caffe_files.conv(x, *layers["conv3_1"])
    y = np.maximum(caffe_files.norm(y, layers, "batch_conv3_1", ""), 0)
    contracts.assert_close(np.array(outputs[1][0]).transpose(2, 0, 1), y, 1e-4, 1e-5)


def test_absorbed_border_with_scales_and_without_normalization(tmp_path):
    for name, layers in {
        "scaled.h5": caffe_files.vgg16(scale=True),
        "none.h5": caffe_files.vgg16(norm=False),
    }.items():
        path = caffe_files.write(tmp_path / name, layers)
        model, _ = caffe.load(path, border="absorbed")
        assert networks.describe(model)["normalization"] == "none"
        image = _image(1, 20, 20)
        expected = caffe_files.run_vgg16(layers, image)
        _assert_same_activations(model, expected, image, _VGG)


def test_imported_model_is_saved_with_its_convention(tmp_path):
    layers = {**caffe_files.vgg16(norm=False), **caffe_files.head(777, names=_DEPLOYED)}
    model, _ = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    weights_file = tmp_path / "x.keras"
    model.save(weights_file)
    again = keras.saving.load_model(weights_file)
    image = _image(1, 64, 64)
    contracts.assert_close(_logits(again, image), _logits(model, image), 0, 0)
    assert networks.describe(again) == networks.describe(model)


def test_field_of_view_blocks(tmp_path):
    layers = caffe_files.vgg16()
    rng = np.random.default_rng(3)
    inputs = 256
    for name in ("conv8_1", "conv9_1"):
        kernel = rng.normal(0, (2 / 9 / inputs) ** 0.5, (64, inputs, 3, 3))
        layers[name] = [kernel, rng.normal(0, 0.3, 64)]
        layers[f"batch_{name}"] = [np.ones(64), 2 * np.ones(64), [2.0]]
        inputs = 64
    model, _ = caffe.load(caffe_files.write(tmp_path / "x.h5", layers))
    image = _image(1, 100, 70)
    x = caffe_files.run_vgg16(layers, image)["fc7"]
    for name in ("conv8_1", "conv9_1"):
        x = caffe_files.conv(caffe_files.pool(x, 2, 2), *layers[name], pad=1)
        x = np.maximum(caffe_files.norm(x, layers, f"batch_{name}", ""), 0)
    _assert_same_activations(model, {"x": x}, image, {"x": "relu9_1"})


@pytest.mark.slow
def test_full_vgg16(tmp_path):
    layers = caffe_files.vgg16(divisor=1)
    layers = {k: [np.float32(b) for b in v] for k, v in layers.items()}
    path = caffe_files.write(tmp_path / "x.h5", layers)
    model, _ = caffe.load(path)
    assert model.count_params() == 134_259_392 + 3 * 12_416
    image = _image(1, 48, 64)
    _assert_same_activations(model, caffe_files.run_vgg16(layers, image), image, _VGG)
