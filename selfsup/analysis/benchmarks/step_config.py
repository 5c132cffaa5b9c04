"""What step is timed, and how long."""

import dataclasses

from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class StepConfig(Config):
    """A training step of the paper's colorizer on random images."""

    network: str = setting(
        "vgg16", "Network.", choices=("alexnet", "vgg16", "resnet50", "resnet152")
    )
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
    parts: bool = setting(
        False,
        "Whether parts of the step are timed too: forward, with gradients, "
        "and both without hypercolumn. On JAX.",
    )
    compile: bool = setting(True, "Whether PyTorch compiles its twin.")
    product_size: int = setting(
        0, "Side of the matrices of the peak rate; 0 for 8192, on a CPU 512.", 0
    )
    profile: str | None = setting(
        None, "Folder of a trace; the kernels that take longest are listed."
    )
