"""A training step is timed beside its hypercolumn."""

import pytest

from selfsup.analysis.benchmarks import train


@pytest.mark.slow
def test_the_share_of_the_hypercolumn_is_a_part_of_the_step():
    found = train.measure("vgg16", 0.03, crop_size=32, batch_size=2, rounds=1)
    assert 0 < found["hypercolumn_share"] < 1
    # 128 points of a 32 x 32 image: an eighth of its pixels.
    assert found["dense_output_megabytes"] == 8 * found["sparse_output_megabytes"]
