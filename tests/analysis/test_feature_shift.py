"""Correlations against NumPy's, and a whole comparison of two pairs."""

import json

import numpy as np
import pytest

from selfsup import networks
from selfsup.analysis import feature_shift
from selfsup.analysis.feature_shift import FeatureShiftConfig

import fakes

LAYERS = ("relu1", "relu3", "drop6")


def _network(seed, **changes):
    model = fakes.network("alexnet", normalization="none", **changes)
    return fakes.randomize(model, seed)


def _mixed(one, other, share):
    """A network whose weights are partly those of another one."""
    mixed = networks.build(networks.describe(one))
    for x, a, b in zip(mixed.weights, one.weights, other.weights, strict=True):
        x.assign((1 - share) * a + share * b)
    return mixed


@pytest.fixture(scope="module")
def pair():
    before = _network(0)
    after = _mixed(before, _network(1), 0.3)
    # Channels that are constant: in one network, in the other, or in both.
    for model, channel in ((before, 0), (after, 1), (before, 2), (after, 2)):
        values = model.get_layer("bias3").get_weights()
        values[0][channel] = -1e6
        model.get_layer("bias3").set_weights(values)
    return before, after


def test_correlations_are_those_of_stacked_activations(pair):
    batches = [fakes.image(n, 48, 48, 1, seed=n) for n in (3, 2)]
    found = feature_shift.correlations(*pair, LAYERS, batches)
    images = np.concatenate(batches)
    maps = [fakes.maps(model, LAYERS)(images) for model in pair]
    for layer, x, y in zip(LAYERS, *maps, strict=True):
        x, y = (np.reshape(z, (-1, z.shape[-1])).astype(np.float64) for z in (x, y))
        with np.errstate(invalid="ignore"):
            expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(x.T, y.T, strict=True)]
        np.testing.assert_allclose(found[layer], expected, atol=1e-9)
        assert np.nanmin(found[layer]) < 0.99
    assert np.isnan(found["relu3"])[:3].all()


def test_a_network_is_itself(pair):
    images = [fakes.image(2, 48, 48, 1)]
    found = feature_shift.correlations(pair[0], pair[0], ["relu2"], images)
    known = found["relu2"][~np.isnan(found["relu2"])]
    assert len(known)
    np.testing.assert_allclose(known, 1, atol=1e-9)


def test_small_variations_of_large_values_are_no_constants():
    rng = np.random.default_rng(0)
    x = (100 + 0.01 * rng.normal(size=(400, 2))).astype(np.float32)
    y = x + np.float32(0.01) * rng.normal(size=x.shape).astype(np.float32)
    count, sums = feature_shift._moments(x[None, None], y[None, None])
    found = feature_shift._pearson(float(count), *sums.numpy())
    np.testing.assert_allclose(found[0], np.corrcoef(x[:, 0], y[:, 0])[0, 1], atol=1e-4)


def test_quartiles_leave_constant_channels_out():
    values = np.array([np.nan, 0.0, 0.1, 0.2, 0.3, 0.8])
    found = feature_shift.summary(values)
    assert [round(found[x], 3) for x in ("lower", "median", "upper")] == [0.1, 0.2, 0.3]
    assert (found["channels"], found["constant"]) == (6, 1)
    none = feature_shift.summary(np.full(3, np.nan))
    assert (none["median"], none["constant"]) == (None, 3)


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory, pair):
    """A run before and one after fine-tuning, and one of another width."""
    root = tmp_path_factory.mktemp("runs")
    for name, model in (
        ("before", pair[0]),
        ("after", pair[1]),
        ("wide", fakes.network("alexnet", 0.03)),
        ("rgb", fakes.network("alexnet", input_channels=3)),
    ):
        (root / name).mkdir()
        model.save(root / name / "backbone.keras")
    (root / "before" / "config.json").write_text(json.dumps({"crop_size": 40}))
    return root


def _config(workdirs, before, after, **changes):
    before, after = (
        tuple(str(workdirs / name) for name in names) for names in (before, after)
    )
    settings = {"layers": "relu1,relu3", "images": 4, **changes}
    return FeatureShiftConfig(before=before, after=after, **settings)


def test_pairs_stand_side_by_side(workdirs, tmp_path, noise_batches):
    names = ("before", "wide"), ("after", "wide")
    results = feature_shift.feature_shift(_config(workdirs, *names), tmp_path)
    assert (results["crop_size"], results["images"]) == (40, 4)
    found = results["correlations"]
    assert list(found) == ["after", "wide"]
    assert found["wide"]["relu3"]["median"] == pytest.approx(1)
    assert found["after"]["relu3"]["median"] < 0.99
    assert found["after"]["relu3"]["constant"] >= 3
    assert json.loads((tmp_path / "feature_shift.json").read_text())["results"] == (
        results
    )
    assert (tmp_path / "feature_shift.png").stat().st_size > 1000
    assert "data:image/png" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    "before, after, changes, message",
    [
        (["before"], ["wide"], {}, "before .*0.0.*gray.* and .*wide .*of width 0.03"),
        (["before"], ["rgb"], {}, "gray.* and .*rgb .*RGB"),
        (["before"], ["nowhere"], {}, "no trained model"),
        (["before"], ["after"], {"layers": "relu9"}, "Received: 'relu9'"),
        (["before"], ["after"], {"crop_size": 8}, "at least 11 for alexnet"),
        (["before"] * 2, ["after"] * 2, {"names": ("a", "a")}, "told apart"),
    ],
)
def test_what_does_not_fit_is_refused(
    workdirs, tmp_path, before, after, changes, message
):
    config = _config(workdirs, before, after, **changes)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        feature_shift.feature_shift(config, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_networks_come_in_pairs():
    with pytest.raises(ValueError, match="as many.*Received: 2 before, 1 after"):
        FeatureShiftConfig(before=("a", "b"), after=("c",))
    with pytest.raises(ValueError, match="`before` must be one network or more"):
        FeatureShiftConfig()
