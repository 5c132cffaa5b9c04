"""Settings that the runs of all tasks share."""

import dataclasses
from typing import ClassVar

from selfsup.settings import Config, fail, setting

NETWORKS = ("alexnet", "vgg16", "resnet50", "resnet152")

# Values that meant "default" in files of version 0.1.0, where None does now.
_FORMER_DEFAULTS = {
    "clip_norm": 0,
    "crop_size": 0,
    "ema": 0,
    "epochs": 0,
    "eval_every": 0,
    "keep_every": 0,
    "network": "",
    "padding": "",
    "point_margin": -1,
    "sbd_dir": "",
    "steps": 0,
    "train_split": "",
    "width": 0,
}


@dataclasses.dataclass(frozen=True)
class RunConfig(Config):
    """Settings of a training run, whatever its task.

    Every field is a flag of the task's tool.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If a field is of another type than declared.
    """

    # Fields of version 0.1.0 that the task no longer has; they had no effect.
    former: ClassVar[frozenset] = frozenset()

    # What a task may turn into a field: weights to start from, and the greatest
    # norm of the gradient.
    init: ClassVar[str] = "random"
    clip_norm: ClassVar[float | None] = None

    network: str = setting("vgg16", "Backbone.", choices=NETWORKS)
    width: float = setting(1.0, "Factor on the number of channels.", 0.01, 16)
    padding: str = setting(
        "zeros",
        "What convolutions pad with; bias is what the layer below expects there.",
        choices=("zeros", "bias"),
    )
    dropout: float = setting(0.5, "Dropout rate in fc6, fc7 and the head.", 0, 0.95)
    crop_size: int = setting(352, "Side of the training crops, in pixels.", 8)
    batch_size: int = setting(8, "Images a step, over all devices.", 1)
    accumulation: int = setting(1, "Parts to split a batch into, to save memory.", 1)
    learning_rate: float = setting(1e-3, "Highest learning rate.", 1e-12, 100)
    weight_decay: float = setting(5e-4, "Weight decay of kernels, not of biases.", 0, 1)
    precision: str = setting(
        "float32", "Of computation, not of weights.", choices=("float32", "bfloat16")
    )
    jit: bool = setting(False, "Compile the step with XLA, on a single device.")
    log_every: int = setting(100, "Steps between rows of log.csv.", 1, resumable=True)
    eval_every: int = setting(1000, "Steps between evaluations.", 1, resumable=True)
    checkpoint_seconds: float = setting(
        30.0, "Seconds between checkpoints.", 0, resumable=True
    )
    callbacks: tuple[str, ...] = setting(
        (),
        "Keras callback, MODULE.NAME: a class or a function that returns one, called "
        "without arguments.",
        resumable=True,
    )
    seed: int = setting(0, "Seed of weights, order, crops and dropout.", 0, 2**31 - 1)
    deterministic: bool = setting(False, "Bit-equal runs on a GPU too, but slower.")

    def __post_init__(self):
        super().__post_init__()
        if self.batch_size % self.accumulation:
            expected = f"a divisor of batch_size={self.batch_size}"
            fail("accumulation", self.accumulation, expected)

    @classmethod
    def upgraded(cls, content):
        # A file of that version has all of them; one alone is a mistake.
        dropped = cls.former if cls.former <= content.keys() else ()
        return {
            name: None if value == _FORMER_DEFAULTS.get(name) else value
            for name, value in content.items()
            if name not in dropped
        }


@dataclasses.dataclass(frozen=True)
class PointConfig(RunConfig):
    """Settings of tasks that predict at sampled points of an image."""

    hidden: int = setting(1024, "Units of the head's hidden layer.", 1)
    hidden_stddev: float = setting(
        1e-4, "Standard deviation of the hidden layer's initial weights.", 0, 1
    )
    points: int = setting(128, "Sampled points an image.", 1)
    point_margin: int = setting(32, "Pixels that points keep from the border.", 0)

    def __post_init__(self):
        super().__post_init__()
        # `None` where a task makes it depend on the crops.
        if self.point_margin is not None and 2 * self.point_margin >= self.crop_size:
            expected = f"less than half of crop_size={self.crop_size}"
            fail("point_margin", self.point_margin, expected)
