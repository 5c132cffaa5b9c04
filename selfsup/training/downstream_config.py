"""Settings of transfer to a labeled set: what its tasks share."""

import dataclasses
from typing import ClassVar

from selfsup.settings import changed, fail, setting
from selfsup.training.run_config import RunConfig


@dataclasses.dataclass(frozen=True)
class DownstreamConfig(RunConfig):
    """Settings of a downstream run, whatever its task.

    `None` stands for what depends on other fields or on the initial weights;
    `resolved` fills it in.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If a field is of another type than declared.
    """

    # What a task may turn into a field: batch normalization of random weights.
    normalization: ClassVar[str] = "none"
    # What `make_optimizer` asks for where the length is fixed.
    optimizer: ClassVar[str] = "sgd"
    warmup: ClassVar[float] = 0.0
    ema: ClassVar[float | None] = None
    keep_every: ClassVar[int | None] = None

    init: str = setting(
        "random",
        "Weights to start from: random, imagenet, a pretrained workdir, a .keras "
        "file, a .caffemodel.h5 file, or a name from the zoo.",
        path=True,
    )
    network: str | None = changed(
        RunConfig, "network", None, "Backbone. Default: that of --init, else vgg16."
    )
    width: float | None = changed(
        RunConfig, "width", None, "Factor on channels. Default: that of --init, else 1."
    )
    padding: str | None = changed(
        RunConfig, "padding", None, "Padding. Default: that of --init, else zeros."
    )
    held_out: float = setting(
        0.1,
        "Share of the training images that the plateau rule looks at; 0 for none, "
        "where the length is fixed.",
        0,
        0.9,
    )
    schedule: str = setting(
        "plateau",
        "When the rate falls: by the plateau rule; or multistep (x0.1 after 2/3 and "
        "5/6) or cosine, over exactly --max_steps.",
        choices=("plateau", "multistep", "cosine"),
    )
    fov_blocks: int = setting(2, "Blocks that widen the field of view.", 0, 2)
    trainable: str = setting(
        "all",
        "Layers of the backbone that learn: all, none, or LAYER and up. The head and "
        "the field-of-view blocks always do.",
    )
    color: bool = setting(False, "Give the network color instead of gray.")
    crop_size: int | None = changed(
        RunConfig, "crop_size", None, "Side of training crops. Default: the network's."
    )
    batch_size: int = changed(RunConfig, "batch_size", 10)
    clip_norm: float | None = setting(
        None, "Greatest norm of the gradient over all layers; 0 for any.", 0
    )
    max_steps: int = setting(
        40_000, "Steps at most, whatever the plateau rule says.", 1, resumable=True
    )
    # Not resumable: the plateau rule counts evaluations.
    eval_every: int | None = setting(
        None, "Steps between evaluations. Default: max_steps / 40.", 1
    )
    patience: int = setting(
        3, "Evaluations without a new best score after which the rate falls.", 1
    )
    # `resolved` leaves it: a run keeps in its schedule what it began with.
    min_steps: int | None = setting(
        None,
        "Steps before which evaluations count only once the score is above that of the "
        "best constant prediction; 0 for all. Default: max_steps / 2.",
        0,
    )
    retrain_on_all: bool = setting(
        False, "Train again on all images, by the schedule found.", resumable=True
    )

    def __post_init__(self):
        super().__post_init__()
        for name, expected in (
            ("init", "random, imagenet, a workdir, a file or a name"),
            ("trainable", "all, none or a layer's name"),
        ):
            if not getattr(self, name):
                fail(name, getattr(self, name), expected)
        if not self.held_out and not self.has_fixed_length:
            fail("held_out", self.held_out, "above 0 for schedule=plateau")
        if self.retrain_on_all and self.has_fixed_length:
            expected = "schedule=plateau, or held_out=0 to train on all images"
            fail("retrain_on_all", self.retrain_on_all, expected)

    @property
    def has_fixed_length(self):
        """Whether the number of steps is known before, so that no rule ends the run."""
        return self.schedule != "plateau"

    def num_steps(self, num_images):
        """Returns the length of a run whose length is fixed.

        Args:
            num_images: Number of training images.
        """
        del num_images
        return self.max_steps

    def located(self):
        """Returns the configuration with paths that mean the same from every folder."""
        return self

    def resolved(self, description, crop_size, min_size):
        """Returns the configuration with every default that depends on others.

        Args:
            description: What `networks.describe` returned for the backbone that
                the run starts from.
            crop_size: Side of the crops where none is given.
            min_size: Smallest side that the network takes.

        Returns:
            An instance of this class without `None` where a value is known.

        Raises:
            ValueError: If the crops are too small for the network.
        """
        network, crop_size = description["network"], self.crop_size or crop_size
        if crop_size < min_size:
            fail("crop_size", crop_size, f"at least {min_size} for {network}")
        return dataclasses.replace(
            self.located(),
            network=network,
            width=description["width"],
            padding=description["padding"],
            crop_size=crop_size,
            eval_every=self.eval_every or max(1, self.max_steps // 40),
        )
