"""Settings of a pretraining run, and the presets they start from."""

import dataclasses
import math
import types

from selfsup import networks
from selfsup.settings import (
    check_choice,
    check_choices,
    check_ranges,
    check_tuples,
    fail,
    from_json,
    setting,
)


@dataclasses.dataclass(frozen=True)
class ColorizerConfig:
    """All settings of a pretraining run, checked.

    Every field is a flag of `tools/train_colorizer.py`; its metadata holds the
    help text. Start from a preset with `from_preset`.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If `data` or `val_data` is no tuple.
    """

    data: tuple[str, ...] = setting(
        (), "Images: folder, list file or tfds:NAME/SPLIT. Default: embedded photos."
    )
    val_data: tuple[str, ...] = setting((), "Held-out images, given like --data.")
    val_fraction: float = setting(
        0.1, "Share of the images held out where --val_data is not given."
    )
    preset: str = setting(
        "sample", "Where the defaults come from: sample, paper or modern."
    )
    network: str = setting("vgg16", "Backbone: alexnet, vgg16, resnet50 or resnet152.")
    width: float = setting(1.0, "Factor on the number of channels.")
    loss: str = setting(
        "histogram",
        "What is predicted: histogram (of hue and of chroma) or lab (a and b).",
    )
    hypercolumn: bool = setting(
        True, "Predict from all layers; without, from the last one only."
    )
    padding: str = setting(
        "zeros", "What convolutions pad with: zeros or bias (the previous layer's)."
    )
    normalization: str = setting("plain", "Batch normalisation: plain, affine or none.")
    bn_momentum: float = setting(
        0.999, "Momentum of the running statistics; runs below 20,000 steps use less."
    )
    hidden: int = setting(1024, "Units of the head's hidden layer.")
    hidden_stddev: float = setting(
        1e-4, "Spread of the hidden layer's initial weights; 0.0001 in the paper."
    )
    dropout: float = setting(0.5, "Dropout rate in fc6, fc7 and the head.")
    bins: int = setting(32, "Bins of each histogram.")
    points: int = setting(128, "Sampled points an image.")
    point_margin: int = setting(
        32, "Least distance of sampled points from the border of the crop, in pixels."
    )
    crop_size: int = setting(352, "Side of the training crops, in pixels.")
    min_side: int = setting(352, "Least shortest side that images are scaled to.")
    max_side: int = setting(600, "Greatest shortest side that images are scaled to.")
    batch_size: int = setting(8, "Images a step, over all devices.")
    accumulation: int = setting(
        1, "Parts that a batch is split into to save memory; gradients are summed."
    )
    steps: int = setting(0, "Training steps; 0 to count in epochs.")
    epochs: float = setting(0.0, "Passes over the images; 0 to count in steps.")
    optimizer: str = setting("sgd", "sgd (momentum 0.9, as in the paper) or adam.")
    learning_rate: float = setting(1e-3, "Learning rate, before the schedule.")
    schedule: str = setting(
        "multistep", "multistep (x0.1 after 2/3 and 5/6 of the run) or cosine."
    )
    warmup: float = setting(0.0, "Share of the run in which the rate grows from 0.")
    weight_decay: float = setting(
        5e-4, "Added to the gradient of kernels, as in Caffe; biases have none."
    )
    ema: float = setting(
        0.0, "Momentum of the average of the weights that is saved; 0 for none."
    )
    precision: str = setting(
        "float32", "Of the computation: float32 or bfloat16; weights are float32."
    )
    jit: bool = setting(
        False, "Compile the step with XLA; needs a single device. Long to start."
    )
    log_every: int = setting(100, "Steps between rows of log.csv.")
    eval_every: int = setting(1000, "Steps between held-out evaluations and pictures.")
    checkpoint_seconds: float = setting(30.0, "Seconds between checkpoints.")
    keep_every: int = setting(
        0, "Steps between backbones kept in snapshots/; 0 for none."
    )
    seed: int = setting(0, "Seed of weights, data order, crops and dropout.")
    deterministic: bool = setting(
        False, "Only deterministic operations, for bit-equal runs on a GPU."
    )

    def __post_init__(self):
        check_tuples(self, ("data", "val_data"))
        check_choices(self, _CHOICES)
        check_ranges(self, _RANGES)
        if self.min_side < self.crop_size:
            fail("min_side", self.min_side, f"at least crop_size={self.crop_size}")
        if self.max_side < self.min_side:
            fail("max_side", self.max_side, f"at least min_side={self.min_side}")
        if 2 * self.point_margin >= self.crop_size:
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
        if bool(self.steps) == bool(self.epochs):
            raise ValueError(
                "Fields `steps` and `epochs` contradict. Expected one of them above "
                f"0. Received: steps={self.steps}, epochs={self.epochs:g}"
            )

    @classmethod
    def from_preset(cls, preset="sample", network="vgg16", **changes):
        """Builds the configuration of a preset, with some fields changed.

        Args:
            preset: `"sample"`, `"paper"` or `"modern"`.
            network: Name of the backbone; presets differ by network.
            **changes: Fields that differ from the preset.

        Returns:
            A `ColorizerConfig`.

        Raises:
            ValueError: If `preset`, `network` or a field is wrong.

        Example:

        >>> ColorizerConfig.from_preset("paper", crop_size=256, min_side=256).batch_size
        8
        """
        check_choice("preset", preset, tuple(PRESETS))
        check_choice("network", network, tuple(networks.ARCHITECTURES))
        fields = {
            **{field.name: field.default for field in dataclasses.fields(cls)},
            **PRESETS[preset],
            **_BY_NETWORK.get((preset, network), {}),
        }
        # Asking for a length in one unit withdraws the preset's in the other.
        if changes.get("steps") is not None and "epochs" not in changes:
            fields["epochs"] = 0.0
        if changes.get("epochs") is not None and "steps" not in changes:
            fields["steps"] = 0
        # A crop without sides keeps the preset's proportions.
        crop_size = changes.get("crop_size")
        if isinstance(crop_size, int) and crop_size >= 8:
            for name in ("min_side", "max_side", "point_margin"):
                fields[name] = fields[name] * crop_size // fields["crop_size"]
        return cls(**{**fields, "preset": preset, "network": network, **changes})

    @classmethod
    def from_json(cls, settings):
        """Builds the configuration that was written to `config.json`.

        Args:
            settings: The content of the file, a dict.

        Returns:
            A `ColorizerConfig`.

        Raises:
            ValueError: If fields are missing or unknown.
        """
        return from_json(cls, settings)

    def num_steps(self, num_images):
        """Returns the length of the run in steps.

        Args:
            num_images: Number of training images.
        """
        return self.steps or math.ceil(self.epochs * num_images / self.batch_size)


# Fields that may differ when a run is resumed.
RESUMABLE = frozenset(
    ("steps", "epochs", "log_every", "eval_every", "checkpoint_seconds", "keep_every")
)

PRESETS = types.MappingProxyType(
    {
        # Two minutes on two CPU cores; made to be looked at, not for numbers.
        "sample": dict(
            width=0.25,
            hidden=256,
            hidden_stddev=0.01,
            dropout=0.2,
            bn_momentum=0.95,
            points=64,
            point_margin=4,
            crop_size=64,
            min_side=72,
            max_side=112,
            batch_size=16,
            steps=450,
            optimizer="adam",
            learning_rate=2e-3,
            schedule="cosine",
            warmup=0.05,
            weight_decay=0.05,
            log_every=10,
            eval_every=100,
        ),
        # Paper sections 3 and 4, and the released solver.
        "paper": dict(epochs=10.0, val_fraction=0.02),
        # What is known to help since, at the same cost a sample.
        "modern": dict(
            epochs=10.0,
            val_fraction=0.02,
            batch_size=128,
            accumulation=4,
            learning_rate=1.6e-2,  # Linear in the batch size, from 1e-3 at 8.
            schedule="cosine",
            warmup=0.02,
            ema=0.9998,
            precision="bfloat16",
        ),
    }
)

# ResNet-152 is pretrained at 224 pixels, without hypercolumn, for 35 epochs.
_RESNET = dict(
    crop_size=224, min_side=224, max_side=382, point_margin=20, hypercolumn=False
)
_BY_NETWORK = {
    ("paper", "resnet50"): {**_RESNET, "epochs": 35.0},
    ("paper", "resnet152"): {**_RESNET, "epochs": 35.0},
    ("modern", "resnet50"): {**_RESNET, "epochs": 35.0},
    ("modern", "resnet152"): {**_RESNET, "epochs": 35.0},
}

_CHOICES = {
    "preset": ("sample", "paper", "modern"),
    "network": tuple(networks.ARCHITECTURES),
    "loss": ("histogram", "lab"),
    "padding": ("zeros", "bias"),
    "normalization": ("plain", "affine", "none"),
    "optimizer": ("sgd", "adam"),
    "schedule": ("multistep", "cosine"),
    "precision": ("float32", "bfloat16"),
}

# Least and greatest value of each number; both ends are allowed.
_RANGES = {
    "val_fraction": (0, 0.9),
    "width": (0.01, 16),
    "bn_momentum": (0, 0.9999),
    "hidden": (1, 65536),
    "hidden_stddev": (0, 1),
    "dropout": (0, 0.95),
    "bins": (2, 256),
    "points": (1, 65536),
    "point_margin": (0, 4096),
    "crop_size": (8, 8192),
    "min_side": (8, 16384),
    "max_side": (8, 16384),
    "batch_size": (1, 65536),
    "accumulation": (1, 65536),
    "steps": (0, 10**9),
    "epochs": (0, 10**6),
    "learning_rate": (1e-12, 100),
    "warmup": (0, 0.9),
    "weight_decay": (0, 1),
    "ema": (0, 0.99999),
    "log_every": (1, 10**9),
    "eval_every": (1, 10**9),
    "checkpoint_seconds": (0, 10**9),
    "keep_every": (0, 10**9),
    "seed": (0, 2**31 - 1),
}
