"""Settings of a downstream run on VOC, and the defaults of its two tasks."""

import dataclasses
import os
import types

from selfsup import networks
from selfsup.settings import (
    check_choice,
    check_choices,
    check_ranges,
    fail,
    setting,
)
from selfsup.weights import zoo


@dataclasses.dataclass(frozen=True)
class VocConfig:
    """All settings of a downstream run, checked.

    Every field is a flag of `tools/train_voc.py`; its metadata holds the help
    text. Start from the defaults of a task with `for_task`.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
    """

    task: str = setting("segmentation", "segmentation or classification.")
    voc_dir: str = setting(
        "",
        "VOCdevkit, or a folder of the same layout (its classes.txt overrides the "
        "20 classes); tfds:voc/2007 for classification.",
    )
    sbd_dir: str = setting(
        "", "Folder of the SBD masks that --train_split train_aug needs."
    )
    init: str = setting(
        "random",
        "Weights to start from: random, imagenet, a pretrained workdir, a .keras "
        "file, a .caffemodel.h5 file, or a name from the zoo.",
    )
    network: str = setting(
        "",
        "alexnet, vgg16, resnet50 or resnet152. Default: that of --init, vgg16 for "
        "random.",
    )
    width: float = setting(
        0.0, "Factor on the number of channels. Default: that of --init, else 1."
    )
    padding: str = setting(
        "", "zeros or bias. Default: that of --init, zeros for random."
    )
    train_split: str = setting(
        "",
        "Images to train on. Default: trainval for classification; train_aug with "
        "--sbd_dir, else train.",
    )
    val_split: str = setting(
        "",
        "Images that the result is measured on. Default: val for segmentation, test "
        "for classification; none to measure later.",
    )
    held_out: float = setting(
        0.1, "Share of the training images that the plateau rule looks at."
    )
    fov_blocks: int = setting(
        2, "Blocks of pooling and convolution that widen the field of view, 0 to 2."
    )
    trainable: str = setting(
        "all",
        "Layers of the backbone that learn: all, none, or LAYER and up. The head and "
        "the field-of-view blocks always do.",
    )
    color: bool = setting(False, "Give the network colour instead of gray.")
    hidden: int = setting(1024, "Units of the segmentation head's hidden layer.")
    hidden_stddev: float = setting(
        1e-4, "Spread of the hidden layer's initial weights."
    )
    dropout: float = setting(0.5, "Dropout rate in fc6, fc7 and the head.")
    points: int = setting(128, "Sampled points an image, for segmentation.")
    point_margin: int = setting(
        -1,
        "Least distance of sampled points from the border of the crop, in pixels. "
        "Default: 32, in proportion less for crops below 448.",
    )
    crop_size: int = setting(
        0,
        "Side of the training crops, in pixels. Default: 448 for segmentation; for "
        "classification 227 with AlexNet, else 224.",
    )
    batch_size: int = setting(10, "Images a step, over all devices.")
    accumulation: int = setting(
        1, "Parts that a batch is split into to save memory; gradients are summed."
    )
    learning_rate: float = setting(1e-3, "Learning rate before the first drop.")
    weight_decay: float = setting(
        5e-4, "Added to the gradient of kernels, as in Caffe; biases have none."
    )
    clip_norm: float = setting(
        0.0, "Greatest norm of the gradient over all layers; 0 for any."
    )
    max_steps: int = setting(
        40_000, "Steps after which the run ends, whatever the plateau rule says."
    )
    eval_every: int = setting(
        0, "Steps between evaluations of the plateau rule; 0: max_steps / 40."
    )
    retrain_on_all: bool = setting(
        False, "Then train once more on all training images, by the schedule found."
    )
    precision: str = setting(
        "float32", "Of the computation: float32 or bfloat16; weights are float32."
    )
    jit: bool = setting(
        False, "Compile the step with XLA; needs a single device. Long to start."
    )
    log_every: int = setting(100, "Steps between rows of log.csv.")
    checkpoint_seconds: float = setting(30.0, "Seconds between checkpoints.")
    seed: int = setting(
        0, "Seed of the new weights, the held-out images, data order and dropout."
    )
    deterministic: bool = setting(
        False, "Only deterministic operations, for bit-equal runs on a GPU."
    )

    def __post_init__(self):
        check_choices(self, _CHOICES)
        check_ranges(self, _RANGES)
        if not self.voc_dir:
            fail("voc_dir", repr(self.voc_dir), "a folder in the layout of VOC")
        if not self.init:
            fail(
                "init", repr(self.init), "random, imagenet, a workdir, a file or a name"
            )
        if not self.trainable:
            fail("trainable", repr(self.trainable), "all, none or a layer's name")
        if self.crop_size and self.crop_size < 8:
            fail("crop_size", self.crop_size, "at least 8")
        if self.crop_size and 2 * self.point_margin >= self.crop_size:
            fail(
                "point_margin",
                self.point_margin,
                f"less than half of crop_size={self.crop_size}",
            )
        if self.batch_size % self.accumulation:
            fail(
                "accumulation",
                self.accumulation,
                f"a divisor of batch_size={self.batch_size}",
            )

    @classmethod
    def for_task(cls, task="segmentation", **changes):
        """Builds the configuration of a task, with some fields changed.

        Args:
            task: `"segmentation"` or `"classification"`.
            **changes: Fields that differ from the task's defaults.

        Returns:
            A `VocConfig`.

        Raises:
            ValueError: If `task` or a field is wrong.

        Example:

        >>> VocConfig.for_task("classification", voc_dir="VOCdevkit").weight_decay
        1e-06
        """
        check_choice("task", task, tuple(_TASKS))
        return cls(task=task, **{**_TASKS[task], **changes})

    def resolved(self, backbone):
        """Returns the configuration with every default that depends on others.

        Args:
            backbone: The backbone that the run starts from.

        Returns:
            A `VocConfig` to train by and to write to `config.json`.
        """
        found = networks.describe(backbone)
        network = found["network"]
        segmentation = self.task == "segmentation"
        crop_size = self.crop_size
        if not crop_size:
            crop_size = networks.ARCHITECTURES[network].crop_size
            crop_size = 448 if segmentation else crop_size
        if network == "alexnet" and crop_size < 11:
            fail("crop_size", crop_size, "at least 11 for AlexNet's first kernel")
        margin = self.point_margin
        split = ("train_aug" if self.sbd_dir else "train") if segmentation else None
        return dataclasses.replace(
            self,
            voc_dir=_absolute(self.voc_dir),
            sbd_dir=_absolute(self.sbd_dir),
            init=_absolute_init(self.init),
            network=network,
            width=found["width"],
            padding=found["padding"],
            crop_size=crop_size,
            point_margin=margin if margin >= 0 else min(32, crop_size * 32 // 448),
            train_split=self.train_split or split or "trainval",
            eval_every=self.eval_every or max(1, self.max_steps // 40),
        )


def _absolute(path):
    """Returns a path that means the same from every folder."""
    if not path or path.startswith("tfds:"):
        return path
    return os.path.abspath(path)


def _absolute_init(init):
    # As `open_run` reads it: what exists as a path is one.
    if init in ("random", "imagenet"):
        return init
    if not os.path.exists(init) and init in zoo.names():
        return init
    return _absolute(init)


# Fields that may differ when a run is resumed.
RESUMABLE = frozenset(
    ("max_steps", "retrain_on_all", "log_every", "checkpoint_seconds", "val_split")
)

_TASKS = types.MappingProxyType(
    {
        # The authors' voc_segmentation.py.
        "segmentation": dict(val_split="val"),
        # Their voc_classification.py; they clip each variable, Caffe all at once.
        "classification": dict(
            val_split="test",
            fov_blocks=0,
            batch_size=16,
            weight_decay=1e-6,
            clip_norm=10.0,
            max_steps=80_000,
        ),
    }
)

_CHOICES = {
    "task": ("segmentation", "classification"),
    "network": ("", *networks.ARCHITECTURES),
    "padding": ("", "zeros", "bias"),
    "precision": ("float32", "bfloat16"),
}

# Least and greatest value of each number; both ends are allowed.
_RANGES = {
    "width": (0, 16),
    "held_out": (0.001, 0.9),
    "fov_blocks": (0, 2),
    "hidden": (1, 65536),
    "hidden_stddev": (0, 1),
    "dropout": (0, 0.95),
    "points": (1, 65536),
    "point_margin": (-1, 4096),
    "crop_size": (0, 8192),
    "batch_size": (1, 65536),
    "accumulation": (1, 65536),
    "learning_rate": (1e-12, 100),
    "weight_decay": (0, 1),
    "clip_norm": (0, 10**6),
    "max_steps": (1, 10**9),
    "eval_every": (0, 10**9),
    "log_every": (1, 10**9),
    "checkpoint_seconds": (0, 10**9),
    "seed": (0, 2**31 - 1),
}
