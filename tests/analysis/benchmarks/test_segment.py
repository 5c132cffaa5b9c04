"""Both ways of segmenting a whole image are timed."""

import numpy as np
import pytest

from selfsup import inference
from selfsup.analysis.benchmarks import segment
from selfsup.analysis.benchmarks.configs import SegmentConfig

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
    config = SegmentConfig(
        width=0.02, height=24, image_width=40, concatenated_stride=4, rounds=1
    )
    found = list(segment.measure(config))
    ways = [(row["way"], row["stride"]) for row in found]
    assert ways == [("tiled", 1), ("tiled", 4), ("concatenated", 4)]
    assert all(row["seconds"] > 0 for row in found)
    assert all(row["peak_megabytes"] > 100 for row in found)
