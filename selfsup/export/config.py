"""How a model is exported."""

import dataclasses

from selfsup import color
from selfsup.settings import Config, fail, setting

# Of photographs of 16 megapixels, and of those that the network sees whole.
_MAX_PIXELS, _MAX_PIXELS_WHOLE = 2**24, 2**21
_MAX_SIDE_WHOLE = 2**12


@dataclasses.dataclass(frozen=True)
class ExportConfig(Config):
    """Configuration of an export.

    Every field is a flag of `tools/export_savedmodel.py`.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    version: int | None = setting(
        None, "Number of the version. Default: the next free one.", 1
    )
    side: int | None = setting(
        None,
        "Shortest side in pixels that the network sees. Default: that of the "
        "training for colorizers and their backbones; else the image's own.",
        1,
        2**11,
    )
    max_pixels: int | None = setting(
        None,
        "Larger images are refused. Default: "
        f"{_MAX_PIXELS}, or {_MAX_PIXELS_WHOLE} where the network sees the image at "
        "its own size.",
        1,
        2**28,
    )
    features: tuple[str, ...] = setting(
        (), "Layer of the signature `features`. Default: the three deepest taps."
    )
    crop_size: int | None = setting(
        None,
        "Classifiers: side of the crops in pixels. Default: the run's.",
        1,
        2**11,
    )
    hue_mode: str = setting(
        "expectation_faded",
        "Colorizers: expectation_faded, expectation or mode of a hue histogram.",
        choices=color.HUE_MODES,
    )
    chroma_mode: str = setting(
        "median",
        "Colorizers: median, expectation or mode of a chroma histogram.",
        choices=color.CHROMA_MODES,
    )
    model_name: str | None = setting(
        None, "Name of the model in the warm-up requests. Default: the folder's."
    )

    def __post_init__(self):
        super().__post_init__()
        if "/" in (self.model_name or ""):
            fail("model_name", self.model_name, "a name without a slash")

    def limits(self, whole):
        """Returns how large an image may be.

        Dense prediction copies rows of the whole width for each of its tiles: an
        image of one row would take the square of its width.

        Args:
            whole: Whether the network sees whole images at their own size.

        Returns:
            A pair of the largest number of pixels, and of the longest side, None
            where that is not limited.
        """
        if whole:
            return self.max_pixels or _MAX_PIXELS_WHOLE, _MAX_SIDE_WHOLE
        return self.max_pixels or _MAX_PIXELS, None
