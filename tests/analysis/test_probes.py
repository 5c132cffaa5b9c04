"""A whole study on a small labeled set: its numbers, its cache and its errors."""

import json

import numpy as np
import pytest

from selfsup import data, networks
from selfsup.analysis import probes
from selfsup.analysis.probes import ProbeConfig
from selfsup.evaluation.probes import probe_accuracies

import image_files

LAYERS = ("relu1", "relu5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    """Six photographs to train on and four to measure on, of two classes."""
    root = tmp_path_factory.mktemp("data")
    return image_files.class_folders(root, photos, 20, train=12)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    networks.alexnet(width=0.02).save(folder / "backbone.keras")
    (folder / "config.json").write_text(json.dumps({"crop_size": 32}))
    return folder


def _config(folder, **changes):
    return ProbeConfig(data=str(folder), layers=", ".join(LAYERS), **changes)


@pytest.fixture(scope="module")
def study(folder, workdir):
    config = _config(folder, samples_per_class="4, all", seeds=3)
    return probes.probe(str(workdir), config)


def test_it_is_written_beside_the_network(study, workdir):
    results, output = study
    assert output == workdir / "probe"
    assert json.loads((output / "results.json").read_text()) == results
    assert json.loads((output / "config.json").read_text())["seeds"] == 3
    assert (output / "probe.png").stat().st_size > 1000
    assert (results["images"], results["crop_size"], results["side"]) == (8, 32, 36)
    assert results["largest_class"] == 0.5


def test_all_labels_are_probed_once_and_draws_several_times(study):
    results, _ = study
    for layers in results["accuracy"].values():
        assert tuple(layers) == LAYERS
        for kinds in layers.values():
            for counts in kinds.values():
                assert len(counts["4"]["values"]) == 3
                assert len(counts["all"]["values"]) == 1


def test_the_numbers_are_those_of_the_probes_on_the_kept_features(study, folder):
    results, output = study
    train, test = data.open_labeled(str(folder))
    # Training and test images of two networks.
    files = sorted((output / "features").glob("*.npz"))
    kept = {12: [], 8: []}
    for arrays in map(np.load, files):
        kept[len(arrays["relu1"])].append([arrays[layer] for layer in LAYERS])
    assert [len(found) for found in kept.values()] == [2, 2]
    expected = [
        probe_accuracies((ours, train.labels), (theirs, test.labels))
        for ours in kept[12]
        for theirs in kept[8]
    ]
    for layers in results["accuracy"].values():
        numbers = [
            {
                kind: (counts["all"]["mean"], counts["all"]["choice"])
                for kind, counts in layers[layer].items()
            }
            for layer in LAYERS
        ]
        assert numbers in expected


def test_features_are_extracted_once(study, folder, workdir, monkeypatch):
    monkeypatch.setattr(probes, "pooled_features", None)
    config = _config(folder, samples_per_class="3", seeds=1)
    results, _ = probes.probe(str(workdir), config)
    assert list(results["accuracy"]["given"]["relu1"]["knn"]) == ["3"]


@pytest.mark.slow
def test_a_fifth_is_measured_on_where_there_is_nothing_else(folder, tmp_path):
    changes = dict(network="alexnet", width=0.02, crop_size=32, layers="relu5")
    config = ProbeConfig(data=str(folder / "train"), **changes)
    results, _ = probes.probe("random", config, tmp_path)
    assert (results["training_images"], results["images"]) == (10, 2)
    assert list(results["accuracy"]) == ["given"]


def test_numbers_of_images_count_once(folder):
    assert _config(folder, samples_per_class="4, 4,all").counts == ("4", "all")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"layers": "relu1,relu99"}, "no such layer.*Received: 'relu99'"),
        ({"samples_per_class": "7"}, "Expected at least 7. Received: 6 of class 'ant'"),
        ({"val_data": "nowhere"}, "nowhere"),
        ({"crop_size": 8}, "at least .* for alexnet"),
        # The training's crops have 32.
        ({"side": 31}, "`side` must be at least crop_size=32"),
    ],
)
def test_what_does_not_fit_is_refused(folder, workdir, tmp_path, changes, message):
    config = ProbeConfig(data=str(folder), **changes)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        probes.probe(str(workdir), config, tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("counts", ["1", "ten", "", "10,,20"])
def test_numbers_of_images_are_checked(counts):
    with pytest.raises(ValueError, match="samples_per_class.*numbers of at least 2"):
        ProbeConfig(data="here", samples_per_class=counts)


def test_photographs_are_asked_for():
    with pytest.raises(ValueError, match="`data` must be"):
        ProbeConfig()
