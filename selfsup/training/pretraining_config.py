"""Settings of pretraining on photographs, and the presets they start from."""

import dataclasses
import math

from selfsup.settings import fail, setting
from selfsup.training.run_config import RunConfig

PRESETS = {
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

# ResNet-152 is pretrained at 224 pixels, without hypercolumn, for 35 epochs.
_RESNET = dict(
    crop_size=224,
    min_side=224,
    max_side=382,
    point_margin=20,
    hypercolumn=False,
    epochs=35.0,
)
_BY_NETWORK = {
    (preset, network): _RESNET
    for preset in ("paper", "modern")
    for network in ("resnet50", "resnet152")
}


@dataclasses.dataclass(frozen=True)
class PretrainingConfig(RunConfig):
    """Settings of a pretraining run, whatever the proxy task.

    Start from a preset with `from_preset`.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If a field is of another type than declared.
    """

    data: tuple[str, ...] = setting(
        (),
        "Images: folder (of records, too), list file, '*.tfrecord' or tfds:NAME/SPLIT. "
        "Several are mixed in proportion to their sizes; DIR=0.3 gives one 30 % of the "
        "samples, and those without a share what is left. Default: embedded photos.",
        path=True,
    )
    val_data: tuple[str, ...] = setting(
        (), "Held-out images, given like --data, without shares.", path=True
    )
    val_fraction: float = setting(
        0.1, "Share of the images held out where --val_data is not given.", 0, 0.9
    )
    probe_data: str | None = setting(
        None,
        "Labeled photographs on which the features are probed at each evaluation: a "
        "folder with a folder per class (or train/ and val/ of such), a list file or "
        "tfds:NAME/SPLIT.",
        path=True,
    )
    preset: str = setting("sample", "Source of the defaults.", choices=PRESETS)
    normalization: str = setting(
        "plain", "Batch normalization.", choices=("plain", "affine", "none")
    )
    # A run whose loss is no longer finite goes on with a lower one.
    learning_rate: float = setting(
        1e-3, "Highest learning rate.", 1e-12, 100, resumable=True
    )
    bn_momentum: float = setting(
        0.999, "Momentum of running statistics; short runs use less.", 0, 0.9999
    )
    min_side: int = setting(352, "Least shortest side that images are scaled to.", 8)
    max_side: int = setting(600, "Greatest shortest side that images are scaled to.", 8)
    steps: int | None = setting(
        None, "Training steps, or count in epochs.", 1, 10**9, resumable=True
    )
    epochs: float | None = setting(
        None,
        "Passes over the images (with shares: as many samples), or count in steps.",
        1e-9,
        resumable=True,
    )
    optimizer: str = setting(
        "sgd", "sgd (momentum 0.9, as in the paper) or adam.", choices=("sgd", "adam")
    )
    schedule: str = setting(
        "multistep",
        "multistep (x0.1 after 2/3 and 5/6 of the run), cosine, or constant.",
        choices=("multistep", "cosine", "constant"),
    )
    warmup: float = setting(0.0, "Share of the run in which the rate grows.", 0, 0.9)
    ema: float | None = setting(
        None, "Momentum of an averaging of the weights. Default: none.", 1e-9, 0.99999
    )
    keep_every: int | None = setting(
        None, "Steps between backbones in snapshots/. Default: none.", 1, resumable=True
    )

    def __post_init__(self):
        super().__post_init__()
        if self.min_side < self.crop_size:
            fail("min_side", self.min_side, f"at least crop_size={self.crop_size}")
        if self.max_side < self.min_side:
            fail("max_side", self.max_side, f"at least min_side={self.min_side}")
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                "Fields `steps` and `epochs` contradict. Expected one of them. "
                f"Received: steps={self.steps}, epochs={self.epochs}"
            )

    @classmethod
    def from_preset(cls, preset="sample", network="vgg16", **changes):
        """Builds the configuration of a preset, with some fields changed.

        Args:
            preset: `"sample"`, `"paper"` or `"modern"`.
            network: Name of the backbone; presets differ by network.
            **changes: Fields that differ from the preset.

        Returns:
            An instance of this class.

        Raises:
            ValueError: If `preset`, `network` or a field is wrong.
            TypeError: If a field is of another type than declared.

        Example:

        >>> config = PretrainingConfig.from_preset("paper", crop_size=256)
        >>> config.batch_size, config.min_side
        (8, 256)
        """
        fields = {field.name: field.default for field in dataclasses.fields(cls)}
        # An unknown preset or network is refused with the other fields.
        of_preset = PRESETS.get(preset, {}) | _BY_NETWORK.get((preset, network), {})
        fields |= {name: of_preset[name] for name in of_preset.keys() & fields.keys()}
        # Asking for a length in one unit withdraws the preset's in the other.
        for given, other in (("steps", "epochs"), ("epochs", "steps")):
            if changes.get(given) is not None:
                fields[other] = None
        # A crop without sides keeps the preset's proportions.
        crop_size = changes.get("crop_size")
        if isinstance(crop_size, int):
            for name in {"min_side", "max_side", "point_margin"} & fields.keys():
                fields[name] = fields[name] * crop_size // fields["crop_size"]
        fields |= {"preset": preset, "network": network}
        return cls.from_values(fields | changes)

    @classmethod
    def merged(cls, before, given):
        # A length in one unit replaces one in the other.
        lengths = {"steps", "epochs"}
        if lengths & given.keys():
            before = {n: v for n, v in before.items() if n not in lengths}
        return super().merged(before, given)

    def num_steps(self, num_images):
        """Returns the length of the run in steps.

        Args:
            num_images: Number of training images.
        """
        return self.steps or math.ceil(self.epochs * num_images / self.batch_size)
