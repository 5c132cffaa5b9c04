"""The backbone that a downstream run starts from: where from, and what learns."""

import keras
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.training import SegmentationConfig
from selfsup.training.initial_backbone import freeze, initial_backbone, rebalanced
from selfsup.weights import assignment

import application_files
import fakes

# The inputs are sums over up to 3,136 products, scaled by the absorbed sigmas.
CLOSE = dict(rtol=1e-4, atol=1e-4)


def _start(fc6_padding="same", **changes):
    changes = {"voc_dir": "VOC", "fov_blocks": 0, **changes}
    if changes.get("init", "random") == "random":
        changes = {"width": fakes.WIDTH, **changes}
    # Of so few channels some seeds leave none alive.
    keras.utils.set_random_seed(0)
    return initial_backbone(SegmentationConfig(**changes), fc6_padding)


def _kinds(model):
    return {type(layer).__name__ for layer in model.layers}


def _pretrained(name, **kwargs):
    """A network with random weights and statistics, as after pretraining."""
    return fakes.randomize(fakes.network(name, padding="bias", **kwargs), bias=0.1)


@pytest.fixture(scope="module")
def vgg16():
    return _pretrained("vgg16")


@pytest.fixture(scope="module")
def alexnet():
    model = _pretrained("alexnet", lrn=True)
    # As rebalancing leaves it.
    model.get_layer("norm1").alpha = 5e-2
    return model


@pytest.fixture(scope="module")
def resnet50():
    return _pretrained("resnet50", normalization="affine")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, vgg16, alexnet, resnet50):
    """A workdir, and files of every kind of model."""
    folder = tmp_path_factory.mktemp("models")
    colorizer = heads.colorizer(vgg16, networks.taps(vgg16), bins=4, hidden=8)
    colorizer.save(folder / "colorizer.keras")
    vgg16.save(folder / "backbone.keras")
    alexnet.save(folder / "alexnet.keras")
    resnet50.save(folder / "resnet50.keras")
    _pretrained("alexnet", input_channels=3).save(folder / "rgb.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(
        folder / "other.keras"
    )
    return folder


def _assert_he(model, names=None):
    """Over all kernels together the variance is that of He: 2 / fan in."""
    values = []
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name == "kernel" and (names is None or layer.name in names):
                fan_in = np.prod(variable.shape[:-1])
                values.append(np.ravel(variable.numpy()) * np.sqrt(fan_in / 2))
    values = np.concatenate(values)
    # The standard deviation of so many values is known to 1 %; LeCun's is 0.71.
    assert values.size > 5000
    assert np.std(values) == pytest.approx(1, abs=0.03)
    assert np.mean(values) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("network", ["vgg16", "alexnet", "resnet50"])
def test_random_is_he_with_normalization_for_resnet_only(network):
    backbone = _start(network=network, padding="bias", dropout=0.25, fov_blocks=1)
    found = networks.describe(backbone)
    assert (found["network"], found["input_channels"]) == (network, 1)
    assert (found["padding"], found["fov_blocks"]) == ("bias", 1)
    residual = network == "resnet50"
    assert ("BatchNormalization" in _kinds(backbone)) is residual
    assert found["normalization"] == ("plain" if residual else "none")
    assert residual or found["dropout"] == 0.25
    _assert_he(backbone)


def test_random_is_vgg16_of_the_given_width_with_zero_padding():
    found = networks.describe(_start(width=1 / 32))
    assert (found["network"], found["width"]) == ("vgg16", 1 / 32)
    assert found["padding"] == "zeros"


@pytest.mark.parametrize(
    "name", ["", "backbone.keras", "colorizer.keras"], ids=["workdir", "file", "whole"]
)
def test_normalization_of_a_pretrained_vgg_is_absorbed(name, folder, vgg16):
    backbone = _start(init=str(folder / name))
    assert "BatchNormalization" not in _kinds(backbone)
    assert networks.describe(backbone)["padding"] == "bias"
    image = fakes.image(2, 40, 56, 1)
    expected = vgg16(image, training=False).numpy()
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(backbone(image, training=False), expected, **CLOSE)


@pytest.mark.slow
def test_normalization_of_a_pretrained_resnet_is_kept(folder, resnet50):
    backbone = _start(init=str(folder / "resnet50.keras"))
    names = [layer.name for layer in resnet50.layers]
    assert [layer.name for layer in backbone.layers] == names
    image = fakes.image(1, 40, 56, 1)
    expected = resnet50(image, training=False)
    np.testing.assert_allclose(backbone(image, training=False), expected, **CLOSE)


def test_field_of_view_is_new_and_the_rest_is_kept(folder, alexnet):
    backbone = _start(init=str(folder / "alexnet.keras"), fov_blocks=2)
    assert networks.describe(backbone)["fov_blocks"] == 2
    image = fakes.image(2, 40, 56, 1)
    before = alexnet(image, training=False)
    after = fakes.maps(backbone, ["drop7"])(image, training=False)
    np.testing.assert_allclose(after, before, **CLOSE)
    _assert_he(backbone, ("conv8_1", "conv9_1"))


@pytest.mark.slow
def test_fc6_sees_the_whole_crop_of_classification(folder):
    for padding in ("same", "valid"):
        for init in ("random", str(folder / "alexnet.keras")):
            backbone = _start(padding, init=init, network="alexnet", dropout=0.125)
            found = networks.describe(backbone)
            assert (found["fc6_padding"], found["dropout"]) == (padding, 0.125)


def test_a_network_for_rgb_becomes_one_for_gray(folder):
    path = folder / "rgb.keras"
    backbone = _start(init=str(path))
    assert backbone.input.name == "gray"
    gray = fakes.image(1, 40, 40, 1)
    expected = keras.models.load_model(path)(gray.repeat(3, axis=-1), training=False)
    np.testing.assert_allclose(backbone(gray, training=False), expected, **CLOSE)


def test_color_gives_a_network_for_rgb_that_is_equal_on_gray(folder, alexnet):
    backbone = _start(init=str(folder / "alexnet.keras"), color=True)
    assert backbone.input.name == "rgb" and backbone.input.shape[-1] == 3
    gray = fakes.image(1, 40, 40, 1)
    expected = alexnet(gray, training=False)
    actual = backbone(gray.repeat(3, axis=-1), training=False)
    np.testing.assert_allclose(actual, expected, **CLOSE)


def test_color_keeps_a_network_for_rgb(folder):
    path = folder / "rgb.keras"
    image = fakes.image(1, 40, 40, 3)
    expected = keras.models.load_model(path)(image, training=False)
    actual = _start(init=str(path), color=True)(image, training=False)
    np.testing.assert_allclose(actual, expected, **CLOSE)


def test_flags_that_differ_from_the_file_are_named_all_at_once(folder):
    with pytest.raises(ValueError) as error:
        _start(init=str(folder), network="alexnet", width=0.5, padding="zeros")
    message = str(error.value)
    assert f"Expected the flags of {folder}, or none" in message
    for part in (
        "--network alexnet where the file has vgg16",
        "--width 0.5 where the file has 0.015625",
        "--padding zeros where the file has bias",
    ):
        assert part in message


def test_flags_that_agree_with_the_file_are_accepted(folder):
    agreeing = dict(network="alexnet", width=1 / 64, padding="bias")
    backbone = _start(init=str(folder / "alexnet.keras"), **agreeing)
    assert networks.describe(backbone)["normalization"] == "none"


def test_the_width_that_a_file_was_made_with_agrees(tmp_path):
    # Found again, it is 3/164, a short fraction that gives the same channels.
    networks.alexnet(width=0.0183).save(tmp_path / "narrow.keras")
    backbone = _start(init=str(tmp_path / "narrow.keras"), width=0.0183)
    assert backbone.get_layer("fc6").filters == 74
    with pytest.raises(ValueError, match=r"--width 0\.0188 where the file has"):
        _start(init=str(tmp_path / "narrow.keras"), width=0.0188)


@pytest.mark.parametrize("network", [None, "vgg16", "resnet50", "resnet152"])
def test_missing_imagenet_weights_are_reported_with_the_way_to_get_them(
    network, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        _start(init="imagenet", network=network, width=None)
    name = f"{network or 'vgg16'}_weights_tf_dim_ordering_tf_kernels.h5"
    file = tmp_path / "models" / name
    address = "https://storage.googleapis.com/tensorflow/keras-applications"
    folder = "resnet" if "resnet" in name else "vgg16"
    command = f"curl --create-dirs -o {file} {address}/{folder}/{name}"
    assert command in str(error.value)


@pytest.mark.slow
def test_imagenet_weights_are_taken_from_keras_downloads(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    application = application_files.random_application("ResNet50", include_top=False)
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    (tmp_path / "models").mkdir()
    application_files.write(application, tmp_path / "models" / name)
    backbone = _start(init="imagenet", network="resnet50", width=None, fov_blocks=1)
    expected = weights.applications.convert(application)[0]
    values = assignment.arrays(backbone)
    for name, array in assignment.arrays(weights.rgb_to_gray(expected)).items():
        np.testing.assert_array_equal(values[name], array, name)
    assert networks.describe(backbone)["fov_blocks"] == 1
    with pytest.raises(ValueError, match="--width 0.5 where the file has 1.0"):
        _start(init="imagenet", network="resnet50", width=0.5)


def test_alexnet_has_no_imagenet_weights():
    with pytest.raises(ValueError, match="vgg16, resnet50, .* network='alexnet'"):
        _start(init="imagenet", network="alexnet", width=None)


def test_a_caffe_file_is_imported(tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / "vgg16.caffemodel.h5"
    model = fakes.randomize(fakes.network("vgg16"), bias=0.3)
    weights.caffe.save(model, path)
    backbone = _start(init=str(path))
    assert networks.describe(backbone)["normalization"] == "none"
    image = random.uniform(-0.4, 0.5, (1, 64, 64, 1)).astype("float32")
    np.testing.assert_allclose(backbone(image), model(image), **CLOSE)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"Received: {path}"):
        _start(init=str(path))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999], ids=str)
def test_a_truncated_file_is_named(share, folder, tmp_path):
    content = (folder / "backbone.keras").read_bytes()
    path = tmp_path / "torn.keras"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=f"Expected a whole .keras file.*{path}"):
        _start(init=str(path))


@pytest.mark.parametrize("name", ["nowhere", "nowhere.keras", "empty"])
def test_a_missing_file_is_named(name, tmp_path):
    (tmp_path / "empty").mkdir()
    expected = f"a workdir with backbone.keras.*{tmp_path / name}"
    with pytest.raises(FileNotFoundError, match=expected):
        _start(init=str(tmp_path / name))


def test_a_model_of_something_else_is_named(folder):
    path = folder / "other.keras"
    with pytest.raises(ValueError, match=f"no network of this package.*{path}"):
        _start(init=str(path))


def _learning(backbone, trainable):
    freeze(backbone, trainable)
    return {path.split("/")[0] for path in _paths(backbone.trainable_variables)}


def _paths(variables):
    return [variable.path for variable in variables]


def _layers_of(*suffixes):
    return {kind + suffix for suffix in suffixes for kind in ("conv", "bias")}


# Every layer of VGG-16 without normalization that has weights, by stage.
_STAGES = {
    stage: _layers_of(*(f"{stage}_{i}" for i in range(1, count + 1)))
    for stage, count in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3))
}
_TOP = {"fc6", "bias6", "fc7", "bias7", *_layers_of("8_1")}


@pytest.mark.parametrize(
    "trainable, expected",
    [
        ("all", set().union(*_STAGES.values(), _TOP)),
        # The field of view is as new as the head.
        ("none", _layers_of("8_1")),
        ("conv4_1", _STAGES[4] | _STAGES[5] | _TOP),
        ("conv4_3", _layers_of("4_3") | _STAGES[5] | _TOP),
        ("fc6", _TOP),
        ("conv8_1", _layers_of("8_1")),
    ],
    ids=["all", "none", "conv4_1", "conv4_3", "fc6", "conv8_1"],
)
def test_which_layers_of_vgg16_learn(trainable, expected):
    backbone = fakes.network("vgg16", normalization="none", fov_blocks=1)
    assert _learning(backbone, trainable) == expected


def test_a_residual_block_learns_from_its_first_branch_on():
    backbone = fakes.network("resnet50", padding="bias", normalization="affine")
    every = {path.split("/")[0] for path in _paths(backbone.trainable_variables)}
    learning = _learning(backbone, "res5a")
    assert learning == {name for name in every if "5" in name}
    # Three blocks of three branches, and one shortcut.
    kernels = [
        path for path in _paths(backbone.trainable_variables) if "kernel" in path
    ]
    assert len(kernels) == 10


def test_layers_that_a_file_froze_learn_again(tmp_path):
    backbone = fakes.network("alexnet", normalization="none")
    every = _paths(backbone.trainable_variables)
    freeze(backbone, "fc6")
    backbone.save(tmp_path / "frozen.keras")
    start = _start(init=str(tmp_path / "frozen.keras"))
    freeze(start, "all")
    assert _paths(start.trainable_variables) == every
    assert _learning(start, "conv5") == {"conv5", "bias5", *_TOP - _layers_of("8_1")}


def test_an_unknown_layer_is_reported_with_those_there_are():
    backbone = fakes.network("vgg16", normalization="none")
    with pytest.raises(ValueError) as error:
        freeze(backbone, "conv6_1")
    message = str(error.value)
    assert "all, none or one of conv1_1, bias1_1, conv1_2" in message
    assert "bias7. Received: --trainable conv6_1" in message
    assert all(layer.trainable for layer in backbone.layers)


@pytest.mark.parametrize("init", ["random", "pretrained"])
def test_rebalanced_relus_have_second_moment_1(init, folder):
    init = "random" if init == "random" else str(folder / "alexnet.keras")
    backbone = _start(init=init, fov_blocks=1)
    batches = [fakes.image(2, 48, 64, 1), fakes.image(1, 56, 40, 1, seed=1)]
    result = rebalanced(backbone, batches)
    relus = [x.name for x in result.layers if isinstance(x, keras.layers.ReLU)]
    squares, counts = np.zeros(len(relus)), np.zeros(len(relus))
    for batch in batches:
        maps = fakes.maps(result, relus)(batch, training=False)
        squares += [np.sum(np.float64(x) ** 2) for x in maps]
        counts += [np.size(x) for x in maps]
    np.testing.assert_allclose(squares / counts, 1, rtol=1e-4)


def test_a_resnet_is_not_rebalanced(resnet50):
    before = resnet50.get_weights()
    result = rebalanced(resnet50, iter(()))
    for one, other in zip(result.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
