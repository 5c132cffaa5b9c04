"""Our networks as Caffe's files: NumPy computes the same from them, and back."""

import h5py
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import assignment, caffe

import caffe_files
import contracts
import fakes


def _read(path):
    """Returns a file's blobs as a dict from layer to list."""
    with h5py.File(path) as file:
        return {
            layer: [group[str(index)][()] for index in range(len(group))]
            for layer, group in file["data"].items()
        }


def _network(name, seed=0, **kwargs):
    # 16 divides all channels, as the NumPy networks need.
    return fakes.randomize(
        networks.ARCHITECTURES[name].builder(width=1 / 16, **kwargs), seed, bias=0.3
    )


def _blue_first(image):
    return image[0].transpose(2, 0, 1)[::-1]


def _assert_same_maps(model, expected, image, pairs):
    outputs = fakes.maps(model, pairs.values())(image)
    for name, output in zip(pairs, outputs, strict=True):
        assert expected[name].std() > 0.05
        contracts.assert_close(
            np.array(output[0]).transpose(2, 0, 1),
            expected[name],
            atol=1e-5 * expected[name].max(),
        )


_PAIRS = {"conv1_2": "relu1_2", "conv4_1": "relu4_1", "fc7": "drop7"}


@pytest.mark.parametrize(
    "channels, normalization", [(3, "plain"), (1, "affine"), (3, "none")]
)
def test_vgg16_in_caffe(channels, normalization, tmp_path):
    model = _network("vgg16", input_channels=channels, normalization=normalization)
    report = caffe.save(model, tmp_path / "new" / "x.caffemodel.h5")
    blobs = _read(tmp_path / "new" / "x.caffemodel.h5")
    image = fakes.image(1, 33, 40, channels)
    expected = caffe_files.run_vgg16(blobs, _blue_first(image))
    _assert_same_maps(model, expected, image, _PAIRS)
    assert {row.parameter for row in report.rows} == {
        f"{layer}/{k}" for layer, found in blobs.items() for k in range(len(found))
    }
    used = {name for row in report.rows for name in row.source.split(", ")}
    assert used - {"none"} == set(assignment.parameters(model))


@pytest.mark.slow
def test_resnet50_in_caffe_and_back(tmp_path):
    model = _network("resnet50", input_channels=3, normalization="affine")
    caffe.save(model, tmp_path / "x.caffemodel.h5")
    blobs = _read(tmp_path / "x.caffemodel.h5")
    assert len(blobs["res2a_branch1"]) == 1  # No bias, as in the original.
    image = fakes.image(1, 60, 50, 3)
    expected = caffe_files.run_resnet(blobs, _blue_first(image))
    pairs = {"res2a": "res2a_relu", "res5c": "res5c_relu"}
    _assert_same_maps(model, expected, image, pairs)
    again, _ = caffe.load(tmp_path / "x.caffemodel.h5")
    assert networks.describe(again) == networks.describe(model)
    contracts.assert_close(again(image), model(image), 0, 1e-4)


def test_alexnet_in_caffe_and_back(tmp_path):
    model = _network("alexnet", fc6_padding="valid", lrn=False)
    caffe.save(model, tmp_path / "x.caffemodel.h5")
    blobs = _read(tmp_path / "x.caffemodel.h5")
    assert blobs["conv2"][0].shape == (16, 3, 5, 5)
    image = fakes.image(1, 227, 227, 1)
    expected = caffe_files.run_alexnet(blobs, _blue_first(image), normalized=False)
    _assert_same_maps(model, expected, image, {"conv2": "relu2", "fc7": "drop7"})
    # Recorded, as no blob holds it; neither is the default of an import.
    again, _ = caffe.load(tmp_path / "x.caffemodel.h5")
    assert networks.describe(again) == networks.describe(model)
    contracts.assert_close(again(image), model(image), 0, 1e-4)
    changed, _ = caffe.load(tmp_path / "x.caffemodel.h5", lrn=True)
    assert networks.describe(changed)["lrn"]


def _colorizer(backbone, seed=0, **kwargs):
    taps = networks.taps(backbone)
    model = heads.colorizer(backbone, taps, **{"bins": 8, "hidden": 20, **kwargs})
    return fakes.randomize(model, seed, bias=0.3)


_POINTS = np.float32([[[0, 0], [13, 30], [31, 7.5], [40, 63]]])
_TRAINED = ("colorize_fc1", "prediction_h4", "prediction_c4")
_DEPLOYED = ("h_fc1", "prediction_h", "prediction_c")


@pytest.mark.parametrize(
    "channels, normalization, rescaling, names",
    [
        (1, "plain", None, _TRAINED),
        (1, "none", (1.0, 0.4488), _DEPLOYED),
        (3, "none", (2.0, (0.1, 0.2, -0.3)), _TRAINED),
    ],
    ids=["trained", "deployed", "color"],
)
def test_colorizer_in_caffe_and_back(
    channels, normalization, rescaling, names, tmp_path
):
    model = _colorizer(
        networks.vgg16(
            channels, 1 / 16, normalization=normalization, rescaling=rescaling
        )
    )
    caffe.save(model, tmp_path / "x.caffemodel.h5")
    blobs = _read(tmp_path / "x.caffemodel.h5")
    assert blobs[names[0]][0].shape[1:] in ((776 + channels,), (777, 1, 1))
    assert (blobs[names[0]][0].ndim == 4) == (names == _DEPLOYED)
    image = fakes.image(1, 48, 64, channels)
    inputs = {"gray" if channels == 1 else "rgb": image, "points": _POINTS}
    scale, offset = rescaling or (1.0, 0.0)
    seen = _blue_first(scale * image + np.float32(offset))
    expected = caffe_files.run_head(
        blobs, caffe_files.run_vgg16(blobs, seen), _POINTS[0], names
    )
    outputs = model(inputs)
    for name, logits in zip(("hue", "chroma"), expected, strict=True):
        contracts.assert_close(outputs[name][0], logits, 1e-4, 1e-4)
    again, _ = caffe.load(tmp_path / "x.caffemodel.h5")
    contracts.assert_close(again(inputs), outputs, 1e-4, 1e-4)
    assert networks.describe(again) == networks.describe(model)


@pytest.mark.parametrize("kind", ["lab", "one tap", "corner", "color, no image"])
def test_other_colorizers_come_back(kind, tmp_path):
    image, arguments = fakes.image(1, 48, 64, 1), {}
    if kind == "color, no image":
        image = fakes.image(1, 48, 64, 3)
        arguments = {"input_channels": 3, "rescaling": (2.0, (0.1, 0.2, -0.3))}
    backbone = fakes.network("vgg16", fov_blocks=1, **arguments)
    taps = networks.taps(backbone)
    options = {"lab": {"loss": "lab"}, "corner": {"alignment": "corner"}}.get(kind, {})
    taps = {"one tap": taps[-1:], "color, no image": taps[1:]}.get(kind, taps)
    model = heads.colorizer(backbone, taps, bins=4, hidden=6, **options)
    fakes.randomize(model, bias=0.3)
    caffe.save(model, tmp_path / "x.caffemodel.h5")
    again, _ = caffe.load(tmp_path / "x.caffemodel.h5")
    inputs = {backbone.input.name: image, "points": _POINTS}
    contracts.assert_close(again(inputs), model(inputs), 1e-4, 1e-4)


def test_another_epsilon_is_in_the_variance(tmp_path):
    model = fakes.randomize(fakes.network("vgg16"))
    model.get_layer("batch_conv2_1").epsilon = 0.5
    caffe.save(model, tmp_path / "x.caffemodel.h5")
    again, _ = caffe.load(tmp_path / "x.caffemodel.h5")
    image = fakes.image(1, 20, 20, 1)
    contracts.assert_close(again(image), model(image), 1e-4, 1e-4)


def test_bias_shift_and_statistics_by_hand(tmp_path):
    model = fakes.network("vgg16")
    model.get_layer("bias1_1").bias.assign([1.0, 2.0])
    model.get_layer("bias1_1").shift.assign([0.5, -1.0])
    model.get_layer("batch_conv1_1").moving_mean.assign([3.0, 4.0])
    model.get_layer("batch_conv1_1").moving_variance.assign([4 - 1e-5, 9 - 1e-5])
    caffe.save(model, tmp_path / "x.caffemodel.h5")
    blobs = _read(tmp_path / "x.caffemodel.h5")
    # (1 + 0.5) * 2 and (2 - 1) * 3.
    np.testing.assert_allclose(blobs["conv1_1"][1], [3, 3])
    np.testing.assert_allclose(blobs["batch_conv1_1"][0], [3, 4])
    np.testing.assert_allclose(blobs["batch_conv1_1"][1], [4, 9], rtol=1e-5)
    np.testing.assert_array_equal(blobs["batch_conv1_1"][2], [1])


def _rebalanced():
    return weights.rebalance(
        fakes.network("alexnet", normalization="none", lrn=True),
        [fakes.image(2, 67, 67, 1)],
    )


def _wrong_taps():
    backbone = fakes.network("vgg16")
    return heads.colorizer(backbone, networks.taps(backbone)[2:], bins=3, hidden=5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: fakes.network("vgg16", padding="bias"), "convolutions pad with bias"),
        (
            lambda: heads.classifier(fakes.network("vgg16"), 3),
            "no place for prediction/kernel, prediction/bias.*'classifier'",
        ),
        (_rebalanced, "norm1 was rebalanced"),
        (_wrong_taps, "other taps.*'colorizer'"),
    ],
    ids=["bias padding", "classifier", "rebalanced", "taps"],
)
def test_models_that_caffe_cannot_hold(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        caffe.save(make(), tmp_path / "x.caffemodel.h5")
    assert not list(tmp_path.iterdir())


def test_files_are_replaced_when_asked_for_and_only_after_success(
    tmp_path, monkeypatch
):
    model = fakes.network("vgg16")
    path = tmp_path / "x.caffemodel.h5"
    path.write_text("old")
    with pytest.raises(FileExistsError, match=str(path)):
        caffe.save(model, path)
    with pytest.raises(ValueError, match="Expected a .h5 file"):
        caffe.save(model, tmp_path / "x.keras")

    def fail(*_, **__):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(h5py.Group, "create_dataset", fail)
        with pytest.raises(OSError, match="could not be written.*No space left"):
            caffe.save(model, path, overwrite=True)
    assert [x.name for x in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"
    caffe.save(model, path, overwrite=True)
    assert h5py.is_hdf5(path)
