"""What the pretraining pipeline reads and how it augments."""

import dataclasses

from selfsup import targets as targets_lib
from selfsup.settings import Config, fail, setting

_MAX_SEED = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class PipelineConfig(Config):
    """Describes the stream of samples; the same config gives the same stream.

    Raises:
        ValueError: If a field is out of range, or fields contradict each other.
        TypeError: If a field is of another type than declared.
    """

    data: tuple[str, ...] = setting(
        (),
        "Image sources: folders, list files, image files, folders of records, patterns "
        "of *.tfrecord files or tfds:NAME/SPLIT. Several are mixed in proportion to "
        "their sizes, or by shares: photos=0.3 is 30 % of the samples. Empty: the "
        "embedded photographs.",
        path=True,
    )
    val_data: tuple[str, ...] = setting(
        (), "Held-out sources. Empty: val_fraction of data is held out.", path=True
    )
    val_fraction: float = setting(
        0.0, "Fraction of the files (embedded photographs: scenes) held out.", 0
    )
    subset: str = setting(
        "train",
        "Part that is read: train, val or all.",
        choices=("train", "val", "all"),
    )
    split_seed: int = setting(
        0,
        "Seed of the held-out choice. Not the seed of the run, so that runs with "
        "different seeds are compared on the same images.",
        0,
        _MAX_SEED,
    )
    crop_size: int = setting(352, "Side of the square crops in pixels.", 1)
    min_side: int = setting(352, "Least length the shortest side is scaled to.", 1)
    max_side: int = setting(600, "Greatest length the shortest side is scaled to.", 1)
    mirror: bool = setting(True, "Mirror half of the samples.")
    batch_size: int = setting(8, "Samples a batch.", 1)
    points: int = setting(128, "Sampled points an image.", 1)
    point_margin: int = setting(
        32,
        "Least distance of points from the crop's border; lowered for tiny crops.",
        0,
    )
    bins: int = setting(32, "Bins of each histogram.", 2)
    window: int = setting(7, "Side of the histograms' windows in pixels, odd.", 1)
    targets: str = setting(
        "histogram",
        "What is predicted: histogram or lab.",
        choices=("histogram", "lab"),
    )
    augment: bool = setting(
        True,
        "Random scale, crop and mirror in an endless shuffled stream. False: every "
        "image once, in order, center crop at the mean scale.",
    )
    seed: int = setting(
        0, "Seed of the order, the augmentation and the points.", 0, _MAX_SEED
    )

    def __post_init__(self):
        super().__post_init__()
        if self.val_fraction >= 1:
            fail("val_fraction", self.val_fraction, "below 1")
        if self.min_side < self.crop_size:
            expected = f"at least crop_size={self.crop_size}"
            fail("min_side", self.min_side, f"{expected}, or crops leave the image")
        if self.max_side < self.min_side:
            fail("max_side", self.max_side, f"at least min_side={self.min_side}")
        if self.subset == "val" and not self.val_data and not self.val_fraction:
            fail("subset", "val", "another where no images are held out")
        targets_lib.check_histogram_arguments(self.bins, self.window)
