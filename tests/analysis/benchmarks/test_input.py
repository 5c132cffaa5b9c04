"""The pipelines are timed over the same files."""

import pytest

from selfsup import data
from selfsup.analysis.benchmarks import input


@pytest.mark.slow
def test_every_pipeline_has_its_ratio_to_decoding_alone():
    config = data.PipelineConfig(
        crop_size=32, min_side=32, max_side=54, batch_size=4, points=16
    )
    found = input.measure(config, images_per_round=8, rounds=1)
    assert set(found) == {"decode_only", "naive", "pipeline"}
    assert found["decode_only"]["ratio_to_decode_only"] == 1
    assert all(value > 0 for figures in found.values() for value in figures.values())
