"""The networks that are probed: the given one as fine-tuning takes it, a random one."""

import json
import pathlib

import numpy as np
import pytest

from selfsup import networks
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


def test_crops_and_folders_follow_the_workdir(workdir):
    given = frozen_networks.open_network(str(workdir), FrozenConfig())
    size = frozen_networks.crop_size_of
    assert size(str(workdir), given) == size(str(workdir / "backbone.keras"), given)
    assert size(str(workdir), given) == 40
    assert size("imagenet", given) == 227
    assert size(str(workdir), given, 64) == 64
    with pytest.raises(ValueError, match="at least .* for alexnet. Received: .*=8"):
        size(str(workdir), given, 8)
    folder = frozen_networks.output_folder
    assert folder(str(workdir)) == workdir / "probe"
    assert folder("sample", name="probe/segmentation") == pathlib.Path(
        "runs/probe/segmentation"
    )
    assert folder("sample", "there") == pathlib.Path("there")
