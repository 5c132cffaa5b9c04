"""What is timed, on what, and how long."""

import dataclasses

from selfsup.settings import Config, changed, setting
from selfsup.training.run_config import RunConfig


@dataclasses.dataclass(frozen=True)
class InputConfig(Config):
    """The pretraining pipeline on files of photographs."""

    data: tuple[str, ...] = setting((), "Sources. Default: embedded photos.", path=True)
    crop_size: int = changed(RunConfig, "crop_size", 352)
    min_side: int | None = setting(None, "Least short side. Default: crop_size.", 8)
    max_side: int | None = setting(None, "Greatest. Default: 600/352 of min_side.", 8)
    batch_size: int = changed(RunConfig, "batch_size", 16)
    points: int = setting(128, "Points an image.", 1)
    images: int = setting(1024, "Images a round.", 1)
    rounds: int = setting(5, "Rounds.", 1)


@dataclasses.dataclass(frozen=True)
class StepConfig(Config):
    """A training step of the paper's colorizer on random images."""

    network: str = changed(RunConfig, "network", "vgg16")
    crop_size: int = setting(352, "Height and width of the images.", 16)
    batch_size: int = setting(64, "Images a step.", 1)
    precision: str = setting(
        "mixed_bfloat16",
        "Type of the computation.",
        choices=("mixed_bfloat16", "float32"),
    )
    side: str = setting(
        "keras", "Ours, or its twin in PyTorch.", choices=("keras", "torch")
    )
    width: float = setting(1.0, "Factor on the network's channels.", 0.001, 16)
    hypercolumn: bool = setting(True, "Whether all taps are read, or the last one.")
    points: int = setting(128, "Points an image.", 1)
    hidden: int = setting(1024, "Units of the head's hidden layer.", 1)
    dropout: float = setting(0.5, "Rate of every dropout.", 0, 0.99)
    steps: int = setting(10, "Steps of a round, after which it is waited.", 1)
    rounds: int = setting(5, "Rounds.", 1)
    threads: int = setting(0, "Cores of the process; 0 for all.", 0)
    parts: bool = setting(
        False,
        "Whether parts of our step are timed too. On TensorFlow: the sparse "
        "hypercolumn, and its memory beside that of a dense one. On JAX: forward, with "
        "gradients, and both without hypercolumn.",
    )
    compile: bool = setting(True, "Whether PyTorch compiles its twin.")
    twin_check: bool = setting(
        False,
        "Whether loss and gradients of the twin in PyTorch are first compared with "
        "ours, on a narrow network.",
    )
    product_size: int = setting(
        0, "Side of the matrices of the peak rate; 0 for 8192, on a CPU 512.", 0
    )
    profile: str | None = setting(
        None,
        "Folder of a trace; the kernels that take longest are listed. On JAX and in "
        "PyTorch.",
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig(StepConfig):
    """A training step beside its twin, in turns."""

    side: str = setting(
        "both",
        "Ours, its twin in PyTorch, or both in turns where PyTorch is installed and "
        "has the network: vgg16, or resnet152 without hypercolumn.",
        choices=("both", "keras", "torch"),
    )
    batch_size: int = changed(StepConfig, "batch_size", 16)
    precision: str = changed(StepConfig, "precision", "float32")
    steps: int = changed(StepConfig, "steps", 1)
    threads: int | None = setting(
        None, "Cores of a side; 0 for all. Default: 1, beside a GPU all.", 0
    )
    twin_check: bool = changed(StepConfig, "twin_check", True)


@dataclasses.dataclass(frozen=True)
class GrowthConfig(StepConfig):
    """A training step at several sizes; one size grows at a time."""

    width: float = changed(StepConfig, "width", 0.25)
    crop_size: int = changed(StepConfig, "crop_size", 64)
    batch_size: int = changed(StepConfig, "batch_size", 4)
    precision: str = changed(StepConfig, "precision", "float32")
    steps: int = changed(StepConfig, "steps", 2)
    rounds: int = changed(StepConfig, "rounds", 3)
    threads: int | None = changed(TrainConfig, "threads", None)
    crop_sizes: tuple[str, ...] = setting(
        ("32", "64", "96", "128"), "Crops, with --batch_size and --points."
    )
    batch_sizes: tuple[str, ...] = setting(
        ("2", "4", "8", "16"), "Batches, with --crop_size and --points."
    )
    point_counts: tuple[str, ...] = setting(
        ("32", "128", "512", "1024"), "Points, with --crop_size and --batch_size."
    )


@dataclasses.dataclass(frozen=True)
class SegmentConfig(Config):
    """Segmenting a whole image."""

    network: str = changed(RunConfig, "network", "vgg16")
    width: float = changed(RunConfig, "width", 1.0)
    height: int = setting(375, "Height of the image to segment.", 1)
    image_width: int = setting(500, "Its width.", 1)
    concatenated_stride: int = setting(
        2, "Finest stride of concatenating; 1 takes over 20 GB.", choices=(1, 2, 4)
    )
    rounds: int = setting(5, "Rounds.", 1)


@dataclasses.dataclass(frozen=True)
class ServeConfig(Config):
    """Coloring photographs by an exported model."""

    data: tuple[str, ...] = setting((), "Sources. Default: embedded photos.", path=True)
    network: str = changed(RunConfig, "network", "vgg16")
    width: float = changed(RunConfig, "width", 1.0)
    crop_size: int = changed(RunConfig, "crop_size", 352)
    images: int = setting(1024, "Images a round.", 1)
    rounds: int = setting(5, "Rounds.", 1)
    requests: int = setting(1000, "Requests over which memory is watched.", 1)
