"""The networks that are probed: the given one as fine-tuning takes it, a random one."""

import json
import pathlib

import numpy as np
import pytest

from selfsup import heads, networks
from selfsup.analysis import frozen_networks
from selfsup.analysis.frozen_networks import FrozenConfig


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    networks.alexnet(width=0.03, padding="bias").save(folder / "backbone.keras")
    (folder / "config.json").write_text(json.dumps({"crop_size": 40}))
    return folder


@pytest.fixture(scope="module")
def images():
    return list(np.random.default_rng(0).normal(size=(2, 4, 40, 40, 1)).astype("f4"))


def test_a_random_network_of_the_same_kind_stands_beside(workdir, images):
    config = FrozenConfig()
    given = frozen_networks.open_network(str(workdir), config)
    found = frozen_networks.compared(str(workdir), given, config, images)
    assert list(found) == ["given", "random"]
    about = {name: networks.describe(backbone) for name, backbone in found.items()}
    # Both without normalization: absorbed, or never there.
    for name in ("network", "width", "normalization", "padding"):
        assert about["given"][name] == about["random"][name]
    assert about["given"]["normalization"] == "none"
    # Rebalanced: the second moment of activations is 1.
    relu = found["random"].get_layer("relu5").output
    outputs = type(given)(found["random"].input, relu)(np.concatenate(images))
    assert float(np.mean(np.square(outputs))) == pytest.approx(1, rel=0.05)


def test_a_random_network_stands_alone(images):
    config = FrozenConfig(network="alexnet", width=0.02)
    given = frozen_networks.open_network("random", config)
    found = frozen_networks.compared("random", given, config, images)
    assert list(found) == ["given"]
    off = FrozenConfig(random=False)
    assert frozen_networks.compared("x", given, off, images) == {"given": given}


def test_layers_are_those_named_or_those_of_the_hypercolumn(workdir):
    given = frozen_networks.open_network(str(workdir), FrozenConfig())
    assert FrozenConfig(layers="relu1, relu5").layer_names(given) == ("relu1", "relu5")
    taps = tuple(tap.layer for tap in networks.taps(given))
    assert FrozenConfig().layer_names(given) == taps
    assert FrozenConfig().layer_names(given, with_input=False) == taps[1:]
    assert FrozenConfig(layers="relu1,relu1").layer_names(given) == ("relu1",)


def test_crops_and_folders_follow_the_workdir(workdir, monkeypatch):
    given = frozen_networks.open_network(str(workdir), FrozenConfig())
    size = frozen_networks.crop_size_of
    assert size(str(workdir), given) == size(str(workdir / "backbone.keras"), given)
    assert size(str(workdir), given) == 40
    assert size("imagenet", given) == 227
    # Of the zoo's model, not of what lies in the current folder.
    monkeypatch.chdir(workdir)
    assert size("imagenet", given) == 227
    assert size("sample", given) == 96
    assert size(str(workdir), given, 64) == 64
    with pytest.raises(ValueError, match="at least .* for alexnet. Received: .*=8"):
        size(str(workdir), given, 8)
    folder = frozen_networks.output_folder
    assert folder(str(workdir)) == workdir / "probe"
    assert folder("sample", name="probe/segmentation") == pathlib.Path(
        "runs/probe/segmentation"
    )
    assert folder("sample", "there") == pathlib.Path("there")


def test_networks_are_opened_for_the_input_that_they_have(tmp_path):
    rgb = networks.alexnet(3, width=0.03, normalization="affine", fov_blocks=1)
    model = heads.classifier(rgb, classes=2)
    model.save(tmp_path / "classifier.keras")
    found = frozen_networks.open_saved(str(tmp_path / "classifier.keras"))
    about = networks.describe(found)
    assert (about["input_channels"], about["fov_blocks"]) == (3, 0)
    assert about["normalization"] == "none"
    image = np.random.default_rng(0).normal(size=(1, 40, 40, 3)).astype("f4")
    expected = type(found)(rgb.input, rgb.get_layer("relu5").output)(image)
    relu5 = type(found)(found.input, found.get_layer("relu5").output)(image)
    np.testing.assert_allclose(relu5, expected, rtol=1e-3, atol=1e-5)


def test_labels_are_names_of_folders(workdir, tmp_path):
    labels = frozen_networks.labels
    file = workdir / "backbone.keras"
    assert labels((), [str(workdir)]) == labels((), [str(file)]) == (workdir.name,)
    assert labels((), ["imagenet", "x/vgg16.keras"]) == ("imagenet", "vgg16.keras")
    # Two of one name are called by their paths.
    assert labels((), ["a/run", "b/run"]) == ("a/run", "b/run")
    assert labels(("one", "two"), ["a/run", "b/run"]) == ("one", "two")
    for given in (("one",), ("one", "one")):
        with pytest.raises(ValueError, match="for each of 2 networks. Received: 'one'"):
            labels(given, ["a", "b"])


def test_the_crop_of_several_networks_is_that_of_the_first(workdir):
    given = frozen_networks.open_network(str(workdir), FrozenConfig())
    size = frozen_networks.common_crop_size
    assert size([str(workdir), "imagenet"], [given, given]) == 40
    assert size(["imagenet", str(workdir)], [given, given]) == 227
    assert size([str(workdir)], [given], 50) == 50


def test_networks_of_other_features_are_refused():
    one = networks.alexnet(width=0.03)
    same = networks.alexnet(width=0.03, padding="bias", normalization="none")
    frozen_networks.check_same_features("ab", (one, same))
    for other in (networks.alexnet(width=0.05), networks.vgg16(width=0.03)):
        with pytest.raises(
            ValueError, match="Received: a .alexnet of width 0.03, gray"
        ):
            frozen_networks.check_same_features("ab", (one, other))
