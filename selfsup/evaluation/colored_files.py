"""Colored copies of image files, with a contact sheet."""

import dataclasses
import pathlib

import cv2
import numpy as np
from absl import logging

from selfsup import color, data, heads, inference, pictures
from selfsup.evaluation import output_paths
from selfsup.progress import progress_bar
from selfsup.settings import Config, setting

# Shortest side that the network sees, if nothing is known of its training.
DEFAULT_SIDE = 256

SHEET = "sheet.png"

_SHOWN = 24  # Images on a contact sheet.
_ROWS = 8  # Of them below each other.
_HEIGHT = 160  # Of each, in pixels.
_WIDEST = 2  # Greatest width of each, in heights.

# An image whose channels differ by so many of 255 levels in a tenth of its
# pixels is a color image. Scans of gray prints have a tint, but a weaker one.
_COLORFUL = 24


@dataclasses.dataclass(frozen=True)
class ColorizeConfig(Config):
    """How images are colored and written."""

    side: int | None = setting(
        None,
        "Shortest side that the network sees, in pixels. Default: the mean of its "
        f"training, or {DEFAULT_SIDE} where that is not known.",
        1,
        2048,
    )
    hue_mode: str = setting(
        "expectation_faded",
        "Hue of a histogram: expectation, with color fading where hues disagree "
        "(expectation_faded), or mode.",
        choices=color.HUE_MODES,
    )
    chroma_mode: str = setting(
        "median",
        "Chroma of a histogram: median, expectation or mode.",
        choices=color.CHROMA_MODES,
    )
    saturation: float = setting(
        1.0, "Factor of all colors; they are held inside the gamut.", 0, 10
    )
    format: str = setting(
        "png",
        "png, which keeps the gray exactly, or jpg, which is smaller.",
        choices=("png", "jpg"),
    )
    sheet: bool = setting(True, f"Whether to draw a contact sheet, {SHEET}.")
    overwrite: bool = setting(False, "Whether to replace existing results.")


def color_files(model, inputs, output, settings=None, trained_side=None):
    """Colors image files, and writes the results with a contact sheet.

    Images are read as in training: upright, 8 bits, transparent pixels on
    white. Unreadable ones are left out, and named in the end.

    Args:
        model: A colorizer for points.
        inputs: Paths of image files and of folders, whose folders are entered.
        output: Folder of the results; it is made. Their names are those of
            `output_paths.plan`.
        settings: A `ColorizeConfig`; None for the defaults.
        trained_side: Shortest side at which the model saw images in training,
            or None.

    Returns:
        The paths that were written, the contact sheet last.

    Raises:
        FileNotFoundError: If an input does not exist; nothing is written then.
        ValueError: If the model is no colorizer, there are no images, results
            exist already; nothing is written then. If images could not be
            read: all others have been written.
        OSError: If a result cannot be written.
    """
    settings = settings or ColorizeConfig()
    heads.check_kind(model, ["colorizer"])
    output = pathlib.Path(output)
    sheet = [SHEET] if settings.sheet else []
    jobs = output_paths.plan(inputs, output, settings.format, sheet)
    targets = [job.target for job in jobs] + [output / name for name in sheet]
    output_paths.check_free(targets, settings.overwrite)
    colored_copy = _colorer(inference.dense_predictor(model), settings, trained_side)
    shown, unreadable, written = {}, [], []
    chosen = set(data.evenly_spaced(jobs, _SHOWN)) if sheet else ()
    for number, job in enumerate(progress_bar(jobs, "coloring")):
        try:
            image = data.load_image(job.source)
        except (OSError, ValueError) as error:
            logging.warning("Left out: %s", error)
            unreadable.append(error)
            continue
        colored = colored_copy(image)
        _write(job.target, colored)
        written.append(job.target)
        if number in chosen:
            shown[number] = (_shrunk(image), _shrunk(colored))
    if shown:
        pictures.save_image(output / SHEET, _sheet(list(shown.values())))
        written.append(output / SHEET)
    if unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(jobs)} images could not be read; the others "
            "are done. Expected readable images. "
            f"Received: {'; '.join(map(_received, unreadable))}"
        )
    return written


def _received(error):
    """Returns what an error says was received: the file and the reason."""
    return str(error).rsplit("Received: ", 1)[-1]


def _colorer(predict, settings, trained_side):
    side = settings.side or trained_side or DEFAULT_SIDE

    def colored_copy(image):
        return inference.color_photograph(
            predict,
            image,
            side,
            settings.hue_mode,
            settings.chroma_mode,
            settings.saturation,
        )

    return colored_copy


def _write(path, image):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            "A folder of results cannot be made. Expected one that can be written. "
            f"Received: {path.parent} ({error.strerror})"
        ) from error
    pictures.save_image(path, image)


def _shrunk(image):
    """Shrinks an image to what a contact sheet shows of it."""
    height, width = image.shape[:2]
    scale = min(1.0, _HEIGHT / height, _WIDEST * _HEIGHT / width)
    size = [max(1, round(scale * length)) for length in (width, height)]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _sheet(pairs):
    """Draws gray, colored and, where the image had color, true pictures."""
    any_color = any(map(is_colorful, (image for image, _ in pairs)))
    titles = ["gray", "colored", "true"][: 3 if any_color else 2]
    blank = np.full((1, 1, 3), 255, np.uint8)
    cells = []
    for image, colored in pairs:
        true = image if is_colorful(image) else blank
        cells.append(
            [_framed(x) for x in (_as_gray(image), colored, true)][: len(titles)]
        )
    columns = -(-len(cells) // _ROWS)
    rows = -(-len(cells) // columns)
    cells += [[blank] * len(titles)] * (columns * rows - len(cells))
    return pictures.contact_sheet(
        [
            ("", sum(cells[row * columns : (row + 1) * columns], []))
            for row in range(rows)
        ],
        titles * columns,
        _HEIGHT,
    )


def _as_gray(image):
    gray = np.rint(image.mean(-1, keepdims=True)).astype(np.uint8)
    return np.repeat(gray, 3, axis=-1)


def _framed(image):
    """Adds white below a very wide image, which would widen its column."""
    height, width = image.shape[:2]
    white = max(0, -(-width // _WIDEST) - height)
    return np.pad(image, [(0, white), (0, 0), (0, 0)], constant_values=255)


def is_colorful(image):
    """Returns whether an image has colors worth showing beside predicted ones.

    Args:
        image: `[H, W, 3]`, uint8.
    """
    return bool(np.percentile(np.ptp(image, axis=-1), 90) >= _COLORFUL)
