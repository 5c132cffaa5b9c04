"""Training: configurations, the loop, checkpoints and one trainer a task."""

from selfsup.training.colorizer import (
    evaluation_config,
    pipeline_config,
    train_colorizer,
)
from selfsup.training.colorizer_model import build_colorizer
from selfsup.training.config import ColorizerConfig
from selfsup.training.workdirs import Run, open_run, write_json

__all__ = [
    "ColorizerConfig",
    "Run",
    "build_colorizer",
    "evaluation_config",
    "open_run",
    "pipeline_config",
    "train_colorizer",
    "write_json",
]
