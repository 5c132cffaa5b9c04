"""Settings of classification with one label an image."""

import dataclasses
from typing import ClassVar

from selfsup import paths
from selfsup.data import label_transforms
from selfsup.settings import changed, fail, setting
from selfsup.training.downstream_config import DownstreamConfig


@dataclasses.dataclass(frozen=True)
class LabelledConfig(DownstreamConfig):
    """Settings of a single-label classifier's run.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If a field is of another type than declared.
    """

    # What `make_optimizer` asks for where the length is fixed.
    optimizer: ClassVar[str] = "sgd"
    warmup: ClassVar[float] = 0.0
    ema: ClassVar[float | None] = None
    keep_every: ClassVar[int | None] = None

    data: str = setting(
        "",
        "Labeled photographs: a folder with a folder per class (or train/ and val/ of "
        "such), a list file of paths and classes, or tfds:NAME/SPLIT.",
        path=True,
    )
    val_data: str | None = setting(
        None,
        "Photographs that the result is measured on, given like --data. Default: val/ "
        "of --data, if any.",
        path=True,
    )
    labels: str = setting(
        "",
        "Changes to the training labels, in this order: per_class(COUNT), "
        "noise(SHARE), buckets(H16|H2|R50|R16|FILE), with commas between.",
    )
    samples_per_class: int | None = setting(
        None, "Training images of each class; before --labels. Default: all.", 1
    )
    held_out: float = setting(
        0.1,
        "Share of each class's training images that the plateau rule looks at; at "
        "least one of each class. 0 for none, where the length is fixed.",
        0,
        0.9,
    )
    schedule: str = setting(
        "plateau",
        "When the rate falls: by the plateau rule; or multistep (x0.1 after 2/3 and "
        "5/6) or cosine, over exactly --max_steps.",
        choices=("plateau", "multistep", "cosine"),
    )
    fov_blocks: int = changed(DownstreamConfig, "fov_blocks", 0)
    batch_size: int = changed(DownstreamConfig, "batch_size", 32)
    clip_norm: float | None = changed(DownstreamConfig, "clip_norm", 10.0)
    min_side: int | None = setting(
        None,
        "Least shortest side that images are scaled to. Default: 8/7 of --crop_size.",
        8,
    )
    max_side: int | None = setting(
        None,
        "Greatest shortest side. Default: 12/7 of --crop_size. Tests take the mean.",
        8,
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.data:
            fail("data", self.data, "a folder of class folders, a list file or tfds:")
        label_transforms.parse(self.labels)
        fixed = self.schedule != "plateau"
        if not self.held_out and not fixed:
            fail("held_out", self.held_out, "above 0 for schedule=plateau")
        if self.retrain_on_all and fixed:
            expected = "schedule=plateau, or held_out=0 to train on all images"
            fail("retrain_on_all", self.retrain_on_all, expected)
        sides = [self.crop_size, self.min_side, self.max_side]
        given = [side for side in sides if side is not None]
        if given != sorted(given):
            raise ValueError(
                "Sizes contradict. Expected crop_size <= min_side <= max_side. "
                f"Received: crop_size={self.crop_size}, min_side={self.min_side}, "
                f"max_side={self.max_side}"
            )

    def located(self):
        return dataclasses.replace(
            self,
            data=paths.absolute(self.data),
            val_data=self.val_data and paths.absolute(self.val_data),
            labels=label_transforms.canonical(
                label_transforms.located(label_transforms.parse(self.labels))
            ),
        )

    def resolved(self, *args):
        config = super().resolved(*args)
        size = config.crop_size
        min_side = config.min_side or min(size * 8 // 7, config.max_side or size * 2)
        max_side = config.max_side or max(size * 12 // 7, min_side)
        return dataclasses.replace(config, min_side=min_side, max_side=max_side)

    def num_steps(self, num_images):
        """Returns the length of a run whose length is fixed.

        Args:
            num_images: Number of training images.
        """
        del num_images
        return self.max_steps

    @property
    def transforms(self):
        """What is done to the training labels, for `label_transforms.apply`."""
        count = self.samples_per_class
        first = (label_transforms.PerClass(count),) if count else ()
        return (*first, *label_transforms.parse(self.labels))
