"""A probe during pretraining measures what the probes do, on a set of its own."""

import numpy as np
import pytest

from selfsup import data, inference, networks
from selfsup.evaluation.probes import CenterCrops, pooled_features, probe_accuracies
from selfsup.training import online_probe
from selfsup.training.online_probe import OnlineProbe

import image_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return image_files.class_folders(tmp_path_factory.mktemp("data"), photos, 16)


def test_it_is_the_best_layer_of_a_probe_of_all(folder):
    backbone = networks.alexnet(width=0.02)
    accuracy, layer = OnlineProbe(str(folder), 32).measure(backbone)
    train, test = data.open_labeled(str(folder), val_fraction=0.5)
    layers = [tap.layer for tap in networks.taps(backbone) if tap.layer != "gray"]
    predict = inference.pooled_feature_predictor(backbone, layers)
    crops = CenterCrops.of_size(32)
    parts = [(pooled_features(predict, s, crops), s.labels) for s in (train, test)]
    found = [x["linear"] for x in probe_accuracies(*parts)]
    choices = np.array([choice for _, choice in found])
    assert layer == layers[np.flatnonzero(choices == choices.max())[-1]]
    assert accuracy == found[layers.index(layer)][0]


@pytest.mark.slow
def test_it_follows_the_weights_without_compiling_again(folder):
    backbone = networks.alexnet(width=0.02)
    probe = OnlineProbe(str(folder), 32)
    probe.measure(backbone)
    compiled = probe._compiled
    kernel = backbone.get_layer("conv1").kernel
    kernel.assign(-kernel)
    assert probe.measure(backbone) == OnlineProbe(str(folder), 32).measure(backbone)
    assert probe._compiled is compiled


def test_of_a_large_set_some_images_of_each_class_are_taken():
    rng = np.random.default_rng(0)
    labels = np.sort(np.concatenate([np.arange(700), rng.integers(700, size=9000)]))
    names = tuple(map(str, range(700)))

    class Set:
        classes = names

        def __init__(self, labels):
            self.labels = labels

        def subset(self, indices):
            return Set(self.labels[np.unique(indices)])

    found = np.bincount(online_probe._some(Set(labels)).labels, minlength=700)
    np.testing.assert_array_equal(found, np.minimum(np.bincount(labels), 4))


@pytest.fixture
def logged(caplog):
    caplog.set_level("INFO", logger="absl")
    return caplog


def test_an_overlap_with_pretraining_is_said(folder, logged):
    probe = OnlineProbe(str(folder), 32)
    probe.warn_of_overlap(data.open_images([str(folder)]))
    assert "8 of the probe's 8 training images are pretrained on too" in logged.text
    assert "8 of the probe's 8 test images" in logged.text


def test_an_overlap_with_a_mix_is_said(folder, photos, logged):
    OnlineProbe(str(folder), 32).warn_of_overlap(
        data.open_images([f"{folder}=0.3", str(photos)])
    )
    assert "8 of the probe's 8 training images" in logged.text


def test_no_overlap_is_no_line(folder, photos, logged):
    OnlineProbe(str(folder), 32).warn_of_overlap(data.open_images([str(photos)]))
    assert "pretrained on too" not in logged.text
