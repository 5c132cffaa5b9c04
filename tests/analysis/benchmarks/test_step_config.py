"""What is timed is checked."""

import pytest

from selfsup.analysis.benchmarks.step_config import StepConfig


def test_the_paper_is_the_default_and_others_are_refused():
    config = StepConfig()
    assert (config.network, config.crop_size, config.points) == ("vgg16", 352, 128)
    assert config.hypercolumn and config.hidden == 1024 and config.dropout == 0.5
    with pytest.raises(ValueError, match="precision"):
        StepConfig(precision="float16")
