"""What is timed is checked."""

import pytest

from selfsup.analysis.benchmarks.configs import GrowthConfig, StepConfig, TrainConfig


def test_the_paper_is_the_default_and_others_are_refused():
    config = StepConfig()
    assert (config.network, config.crop_size, config.points) == ("vgg16", 352, 128)
    assert config.hypercolumn and config.hidden == 1024 and config.dropout == 0.5
    with pytest.raises(ValueError, match="precision"):
        StepConfig(precision="float16")


def test_only_runs_in_turns_have_both_sides():
    assert TrainConfig().side == "both" and TrainConfig().threads is None
    for config in (StepConfig, GrowthConfig):
        with pytest.raises(ValueError, match="one of keras, torch"):
            config(side="both")
