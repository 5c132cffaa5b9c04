"""What the pretraining pipeline reads and how it augments, in one dataclass."""

import dataclasses

from selfsup import targets as targets_lib

SUBSETS = ("train", "val", "all")
TARGETS = ("histogram", "lab")


def _field(default, text):
    return dataclasses.field(default=default, metadata={"help": text})


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """Describes the stream of samples; the same config gives the same stream.

    Raises:
        ValueError: If a field is out of range, or fields contradict each other.
        TypeError: If `data` or `val_data` is a bare string.
    """

    data: tuple = _field(
        (),
        "Image sources, mixed in proportion to their sizes: folders, list files, "
        "image files or tfds:NAME/SPLIT. Empty: the embedded photographs.",
    )
    val_data: tuple = _field(
        (), "Held-out sources. Empty: val_fraction of data is held out."
    )
    val_fraction: float = _field(
        0.0, "Fraction of the files (embedded photographs: scenes) held out."
    )
    subset: str = _field("train", "Part that is read: train, val or all.")
    split_seed: int = _field(
        0,
        "Seed of the held-out choice. Not the seed of the run, so that runs with "
        "different seeds are compared on the same images.",
    )
    crop_size: int = _field(352, "Side of the square crops in pixels.")
    min_side: int = _field(352, "Least length the shortest side is scaled to.")
    max_side: int = _field(600, "Greatest length the shortest side is scaled to.")
    mirror: bool = _field(True, "Mirror half of the samples.")
    batch_size: int = _field(8, "Samples a batch.")
    points: int = _field(128, "Sampled points an image.")
    point_margin: int = _field(
        32, "Least distance of points from the crop's border; lowered for tiny crops."
    )
    bins: int = _field(32, "Bins of each histogram.")
    window: int = _field(7, "Side of the histograms' windows in pixels, odd.")
    targets: str = _field("histogram", "What is predicted: histogram or lab.")
    augment: bool = _field(
        True,
        "Random scale, crop and mirror in an endless shuffled stream. False: every "
        "image once, in order, centre crop at the mean scale.",
    )
    seed: int = _field(0, "Seed of the order, the augmentation and the points.")
    deterministic: bool = _field(
        True, "Keep batches in order. False lets fast samples overtake slow ones."
    )
    num_parallel: int = _field(0, "Images prepared at once. 0: one a CPU core.")

    def __post_init__(self):
        """Checks every field."""
        for name in ("data", "val_data"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise TypeError(
                    f"Field `{name}` lists sources. Expected a tuple of strings. "
                    f"Received: {name}={value!r}"
                )
            object.__setattr__(self, name, tuple(str(spec) for spec in value))
        self._check_choice("subset", SUBSETS)
        self._check_choice("targets", TARGETS)
        for name in ("crop_size", "min_side", "batch_size", "points"):
            self._check(name, getattr(self, name) >= 1, "an integer of at least 1")
        for name in ("point_margin", "num_parallel"):
            self._check(name, getattr(self, name) >= 0, "an integer of at least 0")
        for name in ("seed", "split_seed"):
            self._check(
                name, 0 <= getattr(self, name) < 2**31, "an integer in [0, 2**31)"
            )
        self._check("val_fraction", 0 <= self.val_fraction < 1, "a number in [0, 1)")
        self._check(
            "min_side",
            self.min_side >= self.crop_size,
            f"at least crop_size={self.crop_size}, or crops would leave the image",
        )
        self._check(
            "max_side",
            self.max_side >= self.min_side,
            f"at least min_side={self.min_side}",
        )
        self._check(
            "subset",
            self.subset != "val" or self.val_data or self.val_fraction > 0,
            "val_data or val_fraction to be set where the held-out part is read",
        )
        targets_lib.check_histogram_arguments(self.bins, self.window)

    def _check(self, name, holds, expected):
        if not holds:
            raise ValueError(
                f"Field `{name}` is out of range. Expected {expected}. "
                f"Received: {name}={getattr(self, name)!r}"
            )

    def _check_choice(self, name, choices):
        self._check(name, getattr(self, name) in choices, f"one of {choices}")
