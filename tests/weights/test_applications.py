"""Converted models of `keras.applications` compute the same function."""

import h5py
import keras
import numpy as np
import pytest

from selfsup import data, networks, weights
from selfsup.data import files
from selfsup.weights import applications, assignment

import application_files
import contracts

# Layers that must agree: theirs and ours.
_PAIRS = {
    "VGG16": {
        "block1_conv1": "relu1_1",
        "block3_conv2": "relu3_2",
        "block5_conv3": "relu5_3",
        "fc1": "relu6",
        "fc2": "relu7",
    },
    "ResNet50": {
        "conv1_relu": "conv1_relu",
        "pool1_pool": "pool1",
        "conv2_block1_out": "res2a_relu",
        "conv3_block2_2_relu": "res3b_branch2b_relu",
        "conv5_block3_out": "res5c_relu",
    },
    "ResNet152": {
        "conv3_block8_out": "res3b7_relu",
        "conv4_block36_out": "res4b35_relu",
        "conv5_block3_out": "res5c_relu",
    },
}


@pytest.fixture(scope="module")
def resnet50():
    return application_files.random_application("ResNet50", include_top=False)


@pytest.fixture(scope="module")
def converted(resnet50):
    return applications.convert(resnet50)


def _photograph(side):
    """Returns [1, side, side, 3], float32 in [0, 255], of a real photograph."""
    image = np.asarray(data.load_image(files.embedded_photos()[0]))
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[None, top : top + side, left : left + side].astype("float32")


def _maps(model, names, x):
    outputs = {name: model.get_layer(name).output for name in names}
    maps = keras.Model(model.input, outputs)(x)
    return [maps[name].numpy() for name in names]


def _check_equal(application, model, pairs, image):
    theirs = keras.applications.vgg16.preprocess_input(image.copy())
    expected = _maps(application, pairs, theirs)
    actual = _maps(model, pairs.values(), image / 255 - 0.4488)
    for name, one, other in zip(pairs, actual, expected, strict=True):
        if other.ndim == 2:
            # Where fc6 with "same" padding sees all of pool5 and nothing else.
            one = one[:, 3, 3]
        assert other.std() > 0, name
        np.testing.assert_allclose(
            one, other, rtol=0, atol=2e-5 * np.abs(other).max(), err_msg=name
        )


@pytest.mark.slow
def test_resnet_computes_what_the_application_does(resnet50, converted):
    model, report = converted
    # With an odd size symmetric padding differs from others.
    _check_equal(resnet50, model, _PAIRS["ResNet50"], _photograph(131))
    described = networks.describe(model)
    assert described["normalization"] == "affine"
    assert described["pool1"] == "symmetric"
    assert "conv1/kernel" in str(report) and "BGR to RGB" in str(report)
    assert "conv1_conv/kernel" in str(report)
    assert len(report.rows) == len(assignment.parameters(model))


@pytest.mark.slow
def test_vgg_computes_what_the_application_does():
    application = application_files.random_application("VGG16")
    model, report = applications.convert(application)
    _check_equal(application, model, _PAIRS["VGG16"], _photograph(224))
    assert networks.describe(model)["normalization"] == "none"
    assert str(report).count("dense to convolution") == 3  # Two rows and the sum.


@pytest.mark.slow
def test_resnet152_computes_what_the_application_does():
    application = application_files.random_application("ResNet152", include_top=False)
    model, _ = applications.convert(application)
    _check_equal(application, model, _PAIRS["ResNet152"], _photograph(224))


@pytest.mark.slow
def test_gray_network_sees_the_gray_photograph(resnet50, converted):
    gray = weights.rgb_to_gray(converted[0])
    image = _photograph(131).mean(axis=-1, keepdims=True)
    theirs = keras.applications.resnet.preprocess_input(image.repeat(3, axis=-1))
    (expected,) = _maps(resnet50, ["conv1_relu"], theirs)
    (actual,) = _maps(gray, ["conv1_relu"], image / 255 - 0.4488)
    # Within the border, where padding is another gray.
    expected, actual = expected[:, 2:-2, 2:-2], actual[:, 2:-2, 2:-2]
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=2e-5 * np.abs(expected).max()
    )


@pytest.mark.slow
def test_a_file_is_found_among_the_downloads(
    resnet50, converted, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="curl .*keras-applications/resnet/res"):
        applications.load("resnet50")
    path = tmp_path / "models/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path.parent.mkdir()
    application_files.write(resnet50, path)
    model, report = applications.load("resnet50")
    contracts.assert_close(model.get_weights(), converted[0].get_weights(), 0, 0)
    assert str(path) in str(report)
    with pytest.raises(ValueError, match="Expected .* of resnet152. Received: .*notop"):
        applications.load("resnet152", path)


def test_weights_that_are_no_numbers_are_refused(resnet50):
    kernel = resnet50.get_layer("conv3_block2_2_conv").kernel
    before = kernel.numpy()
    try:
        kernel.assign(
            np.where(np.arange(before.size) == 7, np.nan, before.ravel()).reshape(
                before.shape
            )
        )
        with pytest.raises(
            ValueError, match="NaN or infinity in conv3_block2_2_conv/k"
        ):
            applications.convert(resnet50)
    finally:
        kernel.assign(before)


def test_files_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one of vgg16, resnet50.*network='alexnet'"):
        applications.load("alexnet")
    with pytest.raises(FileNotFoundError, match="Received: .*none.h5"):
        applications.load("vgg16", tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("weights")
    with pytest.raises(ValueError, match="not HDF5.*Received: .*text.h5"):
        applications.load("vgg16", text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
    with pytest.raises(ValueError, match="network of the weights cannot.*other.h5"):
        applications.load("vgg16", other)
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"] = [b"block5_conv3"]
    with pytest.raises(ValueError, match="fully connected.*tf_kernels.h5. Received"):
        applications.load("vgg16", other)
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"] = [b"conv1_bn", b"conv4_block6_3_conv"]
    with pytest.raises(ValueError, match="whole file for resnet50. Received: .*other"):
        applications.load(None, other)
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"] = [b"conv1_bn", b"conv4_block6_3_conv"]
        for name in ("conv1_bn", "conv4_block6_3_conv"):
            file[f"{name}/x"] = np.ones(1000)
            file[name].attrs["weight_names"] = [b"x"] * 3
    with pytest.raises(ValueError, match="6 arrays of other shapes or number"):
        applications.load(None, other)
    # The second version is another network.
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"] = [b"conv4_block6_3_conv"]
    with pytest.raises(ValueError, match="network of the weights cannot.*other.h5"):
        applications.load("resnet50", other)
    inputs = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="network of the weights cannot"):
        applications.convert(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)))
