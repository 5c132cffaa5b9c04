"""What a cell of a table takes: at the paper's size, and at that of two CPU cores."""

import dataclasses
import math

from selfsup.analysis.tables import paper
from selfsup.analysis.tables.recipes import Recipe

# Images of ImageNet. Epochs of supervised pretraining count them.
_IMAGENET_IMAGES, _IMAGENET_CLASSES = 1_281_167, 1000


@dataclasses.dataclass(frozen=True)
class Scale:
    """Settings of the runs of one size.

    Attributes:
        settings: Dict from each kind of pretraining and of downstream task, and from
            pairs of a kind and a network, to a dict of settings.
        measures: Dict from each kind of downstream task to the name of its measure.
        networks: Dict from networks to those that stand for them.
        speeds: What `costs.cost` needs to know.
        machine: What they were measured on.
        width: Factor on channels.
        has_epochs: Whether the paper's epochs are the length of a pretraining;
            otherwise it has one length, and networks are shared by more rows.
    """

    settings: dict
    measures: dict
    speeds: dict
    machine: str
    networks: dict = dataclasses.field(default_factory=dict)
    width: float = 1.0
    has_epochs: bool = True

    def recipe(self, cell, has_more_masks=True, init=None):
        """Returns the `Recipe` of a cell.

        Args:
            cell: A `paper.Cell`.
            has_more_masks: Whether there is a split `train_aug`; otherwise `train`
                stands for it.
            init: Weights that stand for what pretraining by colorization would give,
                of any width; None to pretrain.
        """
        network = self.networks.get(cell.network, cell.network)
        settings = self.downstream(cell.task, network, has_more_masks) | cell.after
        if init is not None and cell.pretraining == paper.COLORIZATION:
            settings |= {"network": network, "init": init}
            return Recipe(_TASKS[cell.task], settings)
        start = self._pretraining(cell, network)
        if start is None:
            settings |= {"network": network, "width": self.width}
            if cell.pretraining == paper.IMAGENET:
                settings["init"] = "imagenet"
        return Recipe(_TASKS[cell.task], settings, start)

    def downstream(self, task, network, has_more_masks=True):
        """Returns the settings of a downstream run, without its start, a dict.

        Args:
            task: Kind of the downstream task.
            network: Name of the network.
            has_more_masks: As in `recipe`.
        """
        settings = self._of(task, network)
        if task == paper.SEGMENTATION:
            settings["train_split"] = "train_aug" if has_more_masks else "train"
        return settings

    def _pretraining(self, cell, network):
        """Returns the `Recipe` of the pretraining; None where there is none."""
        kind, before = cell.pretraining, dict(cell.before)
        if kind == paper.RANDOM:
            return None
        if kind == paper.IMAGENET:
            if paper.IMAGENET not in self.settings:
                return None
            kind = paper.LABELS
            before |= self.settings[paper.IMAGENET]
        epochs = before.pop("epochs", None)
        settings = {"network": network, "width": self.width}
        settings |= {**self._of(kind, network), **before}
        if self.has_epochs and kind == paper.COLORIZATION:
            settings["epochs"] = epochs
        elif self.has_epochs:
            images = _IMAGENET_IMAGES
            if "samples_per_class" in before:
                images = before["samples_per_class"] * _IMAGENET_CLASSES
            settings["max_steps"] = math.ceil(epochs * images / settings["batch_size"])
        return Recipe(_TASKS[kind], settings)

    def _of(self, kind, network):
        return {**self.settings[kind], **self.settings.get((kind, network), {})}


_TASKS = {
    paper.COLORIZATION: "colorization",
    paper.LABELS: "single_label",
    paper.SEGMENTATION: "segmentation",
    paper.CLASSIFICATION: "classification",
    paper.FEW_LABELS: "single_label",
}

_FULL = Scale(
    settings={
        paper.COLORIZATION: {"preset": "paper"},
        # The paper does not say how its supervised networks were trained.
        paper.LABELS: {
            "normalization": "plain",
            "batch_size": 128,
            "learning_rate": 0.02,
            "schedule": "multistep",
            "held_out": 0.0,
        },
        paper.SEGMENTATION: {"retrain_on_all": True},
        paper.CLASSIFICATION: {"retrain_on_all": True},
        paper.FEW_LABELS: {"retrain_on_all": True},
    },
    measures={
        paper.SEGMENTATION: "mean_iou",
        paper.CLASSIFICATION: "map_11point",
        paper.FEW_LABELS: "top_5_accuracy",
    },
    speeds={"vgg16": (958, 352), "resnet152": (2308, 224)},
    machine="one H100, in bfloat16 on JAX (docs/scaling.md); TensorFlow not measured",
)

# A plateau of so short runs is noise, and so is a score of so few held-out images.
_SHORT = {"batch_size": 8, "schedule": "cosine", "held_out": 0.0, "dropout": 0.0}

_MINI = Scale(
    settings={
        paper.COLORIZATION: {
            "preset": "sample",
            "crop_size": 96,
            "min_side": 100,
            "max_side": 160,
            "points": 128,
            "steps": 4000,
            "eval_every": 1000,
            "val_fraction": 0.02,
        },
        (paper.COLORIZATION, "resnet50"): {"hypercolumn": False},
        paper.LABELS: {
            "normalization": "plain",
            "crop_size": 96,
            "batch_size": 16,
            "learning_rate": 0.01,
            "schedule": "cosine",
            "held_out": 0.02,
            "max_steps": 4000,
            "eval_every": 1000,
        },
        paper.IMAGENET: {"color": True},
        paper.SEGMENTATION: {
            **_SHORT,
            "crop_size": 112,
            "learning_rate": 0.003,
            "points": 256,
            "hidden": 256,
            "hidden_stddev": 0.01,
            "max_steps": 1000,
            "eval_every": 500,
        },
        paper.CLASSIFICATION: {
            **_SHORT,
            "crop_size": 96,
            "learning_rate": 0.001,
            "max_steps": 1000,
            "eval_every": 500,
        },
        paper.FEW_LABELS: {
            **_SHORT,
            "crop_size": 96,
            "learning_rate": 0.001,
            "max_steps": 3000,
            "eval_every": 500,
        },
    },
    measures={
        paper.SEGMENTATION: "mean_iou",
        paper.CLASSIFICATION: "map_11point",
        paper.FEW_LABELS: "accuracy",
    },
    speeds={"vgg16": (46, 96)},
    machine="two CPU cores",
    networks={"resnet152": "resnet50"},
    width=0.1875,
    has_epochs=False,
)

SCALES = {"full": _FULL, "mini": _MINI}
