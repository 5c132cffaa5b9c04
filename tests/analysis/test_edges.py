"""Rings of feature maps against a loop, and what padding does to them."""

import json

import numpy as np
import pytest

from selfsup import networks
from selfsup.analysis import edges, frozen_networks
from selfsup.analysis.edges import EdgesConfig

import fakes


def test_ring_means_are_those_of_a_loop():
    model = fakes.randomize(fakes.network("alexnet", normalization="none"))
    batches = [fakes.image(n, 75, 91, 1, seed=n) for n in (2, 1)]
    # Maps of odd and of even sizes; one ring more than half of them.
    layers = ("conv1", "relu3")
    found = edges.ring_means(model, layers, batches)
    maps = fakes.maps(model, layers)(np.concatenate(batches))
    for layer, x in zip(layers, map(np.abs, maps), strict=True):
        _, height, width, channels = x.shape
        rings = [[] for _ in range((min(height, width) + 1) // 2)]
        for i in range(height):
            for j in range(width):
                ring = min(i, j, height - 1 - i, width - 1 - j)
                rings[ring].append(x[:, i, j].mean(axis=0))
        means, pixels = found[layer]
        assert pixels.tolist() == [len(ring) for ring in rings]
        expected = [np.mean(ring, axis=0) for ring in rings]
        np.testing.assert_allclose(means, expected, rtol=1e-4, atol=1e-6)


def test_a_profile_worked_by_hand():
    # Rings of 6 x 5 pixels: 18, 10 and 2; rings 2 is the interior of three.
    means = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0]])
    found = edges.profile(means, np.array([18, 10, 2]))
    assert found == {"mean": [1.0, 1.0, 1.0], "by_channel": [0.5, 0.5, 0.0]}
    # The interior of four: 12 pixels of 1 and 4 of 3, on average 1.5.
    means = np.array([[3.0], [1.5], [1.0], [3.0]])
    found = edges.profile(means, np.array([28, 20, 12, 4]))
    np.testing.assert_allclose(found["mean"], [2, 1, 2 / 3, 2])
    np.testing.assert_allclose(found["by_channel"], [1, 0, 1 / 3, 1])


def test_a_map_of_one_ring_and_a_silent_one_have_no_profile():
    nothing = {"mean": None, "by_channel": None}
    assert edges.profile(np.ones((1, 3)), np.array([1])) == nothing
    assert edges.profile(np.eye(2)[:, :1], np.array([12, 4])) == nothing


def _borders(padding):
    """Deviations at the border of a gray image, of known positive biases."""
    model = fakes.network("vgg16", padding=padding, normalization="none")
    for variable in model.weights:
        if variable.name == "kernel":
            size = np.prod(variable.shape[:-1])
            variable.assign(np.full(variable.shape, 1 / size, "float32"))
        elif variable.name == "bias":
            variable.assign(np.ones(variable.shape, "float32"))
    layers = ("relu1_1", "relu1_2", "relu2_1")
    means = edges.ring_means(model, layers, [np.zeros((1, 24, 24, 1), "float32")])
    return [edges.profile(*means[layer])["by_channel"] for layer in layers]


def test_zero_padding_shows_at_the_border_and_bias_padding_less():
    # conv1_1 sees nothing but 0: all positions are its bias of 1. The kernel of conv1_2
    # means over 9 pixels: 1 + 1 inside; 1 + 6 / 9 at a side and 1 + 4 / 9 at a corner.
    zeros, bias = _borders("zeros"), _borders("bias")
    for line in (zeros[0], *bias[:2]):
        np.testing.assert_allclose(line, 0, atol=1e-6)
    sides, corners = 4 * 22, 4
    expected = 2 - (sides * (1 + 6 / 9) + corners * (1 + 4 / 9)) / (sides + corners)
    np.testing.assert_allclose(zeros[1][0], expected / 2, atol=1e-6)
    np.testing.assert_allclose(zeros[1][1:], 0, atol=1e-6)
    # conv2_1 is padded with 0, or with the bias of conv1_2, instead of 2.
    assert 0.1 < bias[2][0] < 0.6 * zeros[2][0]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    fakes.network("alexnet").save(folder / "backbone.keras")
    (folder / "config.json").write_text(json.dumps({"crop_size": 64}))
    return str(folder)


def test_networks_stand_side_by_side(workdir, tmp_path, noise_batches):
    settings = {"layers": "relu1,relu3,drop7", "images": 4}
    config = EdgesConfig(ckpt=(workdir, "random"), names=("ours", "other"), **settings)
    results = edges.edges(config, tmp_path)
    assert results["crop_size"] == 64
    ours, other = results["networks"].values()
    assert len(ours["relu1"]["mean"]) == 7
    assert ours["relu1"]["mean"] != other["relu1"]["mean"]
    # One pixel.
    assert ours["drop7"]["mean"] is None
    content = json.loads((tmp_path / "edges.json").read_text())
    assert content["results"] == results
    drawn = ["edges_mean.png", "edges_by_channel.png"]
    assert list(content["section"]["pictures"]) == drawn
    border = content["section"]["tables"][0]["rows"][0]
    assert border == ["relu1", *(x["relu1"]["mean"][0] - 1 for x in (ours, other))]


def test_random_is_like_the_first(workdir):
    given = networks.vgg16(width=1 / 64, input_channels=3, padding="bias")
    found = frozen_networks.random_like(given, [fakes.image(2, 32, 32, 3)])
    about, expected = map(networks.describe, (found, given))
    for name in ("network", "width", "padding", "input_channels"):
        assert about[name] == expected[name]


@pytest.mark.parametrize("ckpt", [(), ("random",)])
def test_a_trained_network_comes_first(ckpt):
    with pytest.raises(ValueError, match="`ckpt` must be a trained network"):
        EdgesConfig(ckpt=ckpt)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"layers": "relu9"}, "Received: 'relu9'"),
        ({"data": ("nowhere",)}, "nowhere"),
        ({"names": ("one", "two")}, "name of its own for each of 1 networks"),
        ({"side": 32}, "at least crop_size=64"),
    ],
)
def test_what_does_not_fit_is_refused(workdir, tmp_path, changes, message):
    config = EdgesConfig(ckpt=(workdir,), **changes)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        edges.edges(config, tmp_path / "report")
    assert not (tmp_path / "report").exists()
