"""Caffe's files that are refused: all that is wrong with them is named."""

import numpy as np
import pytest

from selfsup.weights import caffe

import caffe_files
import contracts


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with whole files of two networks."""
    folder = tmp_path_factory.mktemp("caffe")
    caffe_files.write(folder / "vgg16.h5", caffe_files.vgg16())
    caffe_files.write(folder / "alexnet.h5", caffe_files.alexnet())
    return folder


def test_all_mistakes_are_listed(tmp_path):
    layers = caffe_files.vgg16()
    del layers["conv3_2"], layers["batch_conv4_1"]
    layers["conv2_1"].pop()
    layers["fc8"], layers["drop9"] = [np.ones((10, 256)), np.ones(10)], [np.ones(3)]
    layers["conv1_1"].append(np.ones(2))
    layers["conv5_1"][0] = layers["conv5_1"][0].reshape(32, -1)
    layers["batch_fc6"][0] = np.ones(7)
    layers["fc7"][0] = layers["fc7"][0][:100]
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError) as error:
        caffe.load(path)
    text = str(error.value)
    assert "not those of vgg16. Expected its blobs and no others" in text
    assert str(path) in text and "`skip`" in text
    missing, unexpected, shapes = text.partition("missing: ")[2].split("; ")
    assert set(missing.split(", ")) == {
        "conv2_1/1",
        "conv3_2/0",
        "conv3_2/1",
        *(f"batch_conv4_1/{index}" for index in range(3)),
    }
    assert set(unexpected.removeprefix("unexpected: ").split(", ")) == {
        "fc8",
        "drop9",
        "conv1_1/2",
    }
    assert "conv5_1/0 (32, 288) instead of (32, 32, 3, 3)" in shapes
    assert "batch_fc6/0 (7,) instead of (256,)" in shapes
    assert "fc7/0 (100, 256) instead of (256, 256, 1, 1) or (256, 256)" in shapes
    assert shapes.count("instead") == 3


def test_unexpected_layers_can_be_left_out(files, tmp_path):
    layers = caffe_files.vgg16()
    layers["fc8"], layers["extra"] = [np.ones((10, 256)), np.ones(10)], [np.ones(3)]
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match="unexpected: extra, fc8$"):
        caffe.load(path)
    model, _ = caffe.load(path, skip=("fc8", "extra"))
    expected, _ = caffe.load(files / "vgg16.h5")
    contracts.assert_close(model.get_weights(), expected.get_weights(), 0, 0)
    with pytest.raises(ValueError, match=r"`skip`.*skip=\('fc9',\)"):
        caffe.load(path, skip=("fc9",))
    with pytest.raises(ValueError, match="`skip`.*skip='fc8'"):
        caffe.load(path, skip="fc8")
    with pytest.raises(ValueError, match="missing: fc7/0"):
        caffe.load(path, skip=("fc8", "extra", "fc7"))


def test_swapped_networks(files):
    with pytest.raises(ValueError, match="of vgg16. Received: .*with those of alexnet"):
        caffe.load(files / "alexnet.h5", "vgg16")
    with pytest.raises(ValueError, match="layers of vgg17. Received: .*vgg16.h5"):
        caffe.load(files / "vgg16.h5", "vgg17")


@pytest.mark.parametrize("channels", [2, 4])
def test_other_numbers_of_input_channels(channels, tmp_path):
    layers = caffe_files.vgg16(channels=channels)
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match=rf"conv1_1/0 \(4, {channels}, 3, 3\) with"):
        caffe.load(path)


def test_values_that_are_not_finite(tmp_path):
    layers = caffe_files.vgg16()
    layers["conv2_2"][0][0, 0, 0, 0] = np.nan
    layers["batch_fc7"][1][5] = np.inf
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match="infinity in conv2_2/0, batch_fc7/1$"):
        caffe.load(path)


def test_arguments_that_do_not_apply(files, tmp_path):
    with pytest.raises(ValueError, match="Only AlexNet.*lrn=True for vgg16"):
        caffe.load(files / "vgg16.h5", lrn=True)
    with pytest.raises(ValueError, match="`border`.*'wide'"):
        caffe.load(files / "vgg16.h5", border="wide")
    with pytest.raises(ValueError, match=r"`input_mean`.*input_mean=\(0.5, 0.4\)"):
        caffe.load(files / "vgg16.h5", input_mean=(0.5, 0.4))
    path = caffe_files.write(tmp_path / "x.h5", caffe_files.resnet())
    with pytest.raises(ValueError, match="A ResNet keeps.*'absorbed' for resnet50"):
        caffe.load(path, border="absorbed")


def test_one_lost_bias_or_scale_is_missed(tmp_path):
    layers = caffe_files.vgg16()
    layers["conv3_2"].pop()
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match="with missing: conv3_2/1$"):
        caffe.load(path)
    # Without any they are no part of the file.
    for name, blobs in layers.items():
        if not name.startswith("batch_"):
            del blobs[1:]
    caffe.load(caffe_files.write(tmp_path / "y.h5", layers))


@pytest.mark.parametrize("border", ["separate", "absorbed"])
@pytest.mark.parametrize(
    "index, value, received",
    [
        (1, -500.0, "batch_conv2_1/1 with a variance"),
        (2, -1.0, "/2 with a factor of -1"),
    ]
    + [(2, 1e-45, "batch_conv2_1/2 with a factor of 1.4")],
)
def test_invalid_statistics_are_refused(border, index, value, received, tmp_path):
    layers = caffe_files.vgg16()
    layers["batch_conv2_1"][index] = np.array(layers["batch_conv2_1"][index])
    layers["batch_conv2_1"][index].flat[0] = value
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match=f"Received: .*{received}"):
        caffe.load(path, border=border)


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0, -1.0])
def test_invalid_conventions_are_refused(files, scale):
    with pytest.raises(ValueError, match=f"Received: .*input_scale={scale}$"):
        caffe.load(files / "vgg16.h5", input_scale=scale)
    with pytest.raises(ValueError, match="Received: input_mean=nan,"):
        caffe.load(files / "vgg16.h5", input_mean=np.nan)


def test_networks_larger_than_the_file_are_not_built(tmp_path):
    # The first axes of a VGG-16 of width 16, which has 35 billion weights.
    layers = {
        name: [np.ones((filters * 16, 1, 1, 1))]
        for name, filters, _ in caffe_files.VGG16
    }
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match=f"too small.*Received: {path} with"):
        caffe.load(path)


def test_heads_larger_than_the_file_are_not_built(tmp_path):
    layers = {**caffe_files.vgg16(32), "h_fc1": [np.ones((10**6, 1))]}
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match=f"too small.*Received: {path} with"):
        caffe.load(path)
