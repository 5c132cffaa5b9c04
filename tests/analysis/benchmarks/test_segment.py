"""Both ways of segmenting a whole image are timed."""

import numpy as np
import pytest

from selfsup import inference
from selfsup.analysis.benchmarks import segment

import segmenters


def test_concatenating_gives_the_class_maps_of_the_tiled_way():
    model = segmenters.segmenter()
    image = segmenters.input(24, 32)
    tiled = inference.class_map_predictor(model, 4)(image).numpy()
    concatenated = segment._concatenating(model, 4)(image).numpy()
    assert tiled.shape == (24, 32) and len(np.unique(tiled)) > 1
    assert np.mean(tiled == concatenated) > 0.99


@pytest.mark.slow
def test_every_way_is_measured_in_a_fresh_process():
    ways = [("tiled", 4), ("concatenated", 4)]
    found = segment.measure("vgg16", 0.02, (24, 40), ways, rounds=1)["ways"]
    assert set(found) == {"tiled, stride 4", "concatenated, stride 4"}
    assert all(figures["seconds"] > 0 for figures in found.values())
    assert all(figures["peak_megabytes"] > 100 for figures in found.values())
