"""Training: configurations, the loop, checkpoints and one trainer a task."""

from selfsup import lazy

# Each name and the module that defines it.
_NAMES = {
    "ColorizerConfig": "config",
    "Plateau": "plateau",
    "VocConfig": "voc_config",
    "VocEvaluation": "voc_evaluation",
    "build_colorizer": "colorizer_model",
    "eval_voc": "voc_evaluation",
    "evaluation_config": "colorizer",
    "pipeline_config": "colorizer",
    "train_colorizer": "colorizer",
    "train_voc": "voc",
    "voc_table": "voc_evaluation",
}

__all__, __getattr__, __dir__ = lazy.exports(__name__, _NAMES, modules=["optimizers"])
