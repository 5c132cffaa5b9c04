"""Training: one engine, and one file a task."""

from selfsup import backend, lazy

__all__, __getattr__, __dir__ = lazy.exports(
    __name__,
    {
        "ClassificationConfig": "tasks.classification",
        "ColorizationConfig": "tasks.colorization",
        "Plateau": "plateau",
        "SegmentationConfig": "tasks.segmentation",
        "SingleLabelConfig": "tasks.single_label",
        "Task": "tasks.task",
        "eval_voc": "faces",
        "evaluate": "entry",
        "train": "entry",
        "train_colorizer": "faces",
        "train_voc": "faces",
    },
    modules=["optimizers", "tasks"],
    check=backend.require_tensorflow,
)
