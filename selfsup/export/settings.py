"""How a model is exported."""

import dataclasses

from selfsup import color
from selfsup.settings import check_choices, check_ranges, fail, setting

# Of photographs of 16 megapixels, and of those that the network sees whole.
_MAX_PIXELS, _MAX_PIXELS_WHOLE = 2**24, 2**21
_MAX_SIDE_WHOLE = 2**12


@dataclasses.dataclass(frozen=True)
class ExportSettings:
    """Settings of an export, checked.

    Every field is a flag of `tools/export_savedmodel.py`; its metadata holds the
    help text.

    Raises:
        ValueError: If a field is out of its range.
    """

    version: int = setting(0, "Number of the version. Default: the next free one.")
    side: int = setting(
        0,
        "Shortest side in pixels that the network shall see. Default: that of the "
        "training for colorizers and their backbones; else the image's own.",
    )
    max_pixels: int = setting(
        0,
        "Larger images are refused. Default: "
        f"{_MAX_PIXELS}, or {_MAX_PIXELS_WHOLE} where the network sees the image at "
        "its own size.",
    )
    features: tuple[str, ...] = setting(
        (), "Layer of the signature `features`. Default: the three deepest taps."
    )
    crop_size: int = setting(
        0, "Classifiers: side of the crops in pixels. Default: the run's."
    )
    hue_mode: str = setting(
        "expectation_faded",
        "Colorizers: expectation_faded, expectation or mode of a hue histogram.",
    )
    chroma_mode: str = setting(
        "median", "Colorizers: median, expectation or mode of a chroma histogram."
    )
    model_name: str = setting(
        "", "Name of the model in the warm-up requests. Default: the folder's."
    )

    def __post_init__(self):
        check_ranges(
            self,
            {
                # TensorFlow Serving reads 64 bits.
                "version": (0, 2**63 - 1),
                "side": (0, 2**11),
                "max_pixels": (0, 2**28),
                "crop_size": (0, 2**11),
            },
        )
        check_choices(
            self,
            {
                "hue_mode": color.HUE_MODES,
                "chroma_mode": color.CHROMA_MODES,
            },
        )
        if "/" in self.model_name:
            fail("model_name", repr(self.model_name), "a name without a slash")

    def pixel_limit(self, whole):
        """Returns the greatest number of pixels of an image.

        Args:
            whole: Whether the network sees whole images at their own size.
        """
        return self.max_pixels or (_MAX_PIXELS_WHOLE if whole else _MAX_PIXELS)

    def longest_side(self, whole):
        """Returns the greatest side of an image, None where there is no limit.

        Dense prediction copies rows of the whole width for each of its tiles: an
        image of one row would take the square of its width.

        Args:
            whole: Whether the network sees whole images at their own size.
        """
        return _MAX_SIDE_WHOLE if whole else None
