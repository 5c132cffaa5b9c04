"""Training: configurations, the loop, checkpoints and one trainer a task."""

from selfsup.runs import Run, open_run, write_json
from selfsup.training.colorizer import (
    evaluation_config,
    pipeline_config,
    train_colorizer,
)
from selfsup.training.colorizer_model import build_colorizer
from selfsup.training.config import ColorizerConfig
from selfsup.training.plateau import Plateau
from selfsup.training.voc import train_voc
from selfsup.training.voc_config import VocConfig
from selfsup.training.voc_evaluation import VocEvaluation, eval_voc, voc_table

__all__ = [
    "ColorizerConfig",
    "Plateau",
    "Run",
    "VocConfig",
    "VocEvaluation",
    "build_colorizer",
    "eval_voc",
    "evaluation_config",
    "open_run",
    "pipeline_config",
    "train_colorizer",
    "train_voc",
    "voc_table",
    "write_json",
]
