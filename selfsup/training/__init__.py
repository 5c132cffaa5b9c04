"""Training: one engine, and one file a task."""

from selfsup.runs import Run, open_run, write_json
from selfsup.training import tasks
from selfsup.training.entry import evaluate, train
from selfsup.training.faces import eval_voc, train_colorizer, train_voc
from selfsup.training.plateau import Plateau
from selfsup.training.tasks.classification import ClassificationConfig
from selfsup.training.tasks.colorization import ColorizationConfig
from selfsup.training.tasks.segmentation import SegmentationConfig

__all__ = [
    "ClassificationConfig",
    "ColorizationConfig",
    "Plateau",
    "Run",
    "SegmentationConfig",
    "eval_voc",
    "evaluate",
    "open_run",
    "tasks",
    "train",
    "train_colorizer",
    "train_voc",
    "write_json",
]
