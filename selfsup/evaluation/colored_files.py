"""Colored copies of image files, with a contact sheet."""

import collections
import dataclasses
import itertools
import pathlib

import numpy as np
from absl import logging

from selfsup import color, data, heads, inference, pictures
from selfsup.data import files
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


def color_files(model, inputs, output, config=None, short_side=None):
    """Colors image files, and writes the results with a contact sheet.

    Images are read as in training: upright, 8 bits, transparent pixels on
    white. Unreadable ones are left out, and named in the end.

    Args:
        model: A colorizer for points.
        inputs: Paths of image files and of folders, whose folders are entered.
        output: Folder of the results; it is made. Their names are those of
            `result_paths`.
        config: A `ColorizeConfig`; None for the defaults.
        short_side: Shortest side at which the model saw images in training,
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
    config = config or ColorizeConfig()
    heads.check_kind(model, ["colorizer"])
    sheet = pathlib.Path(output, SHEET)
    jobs = result_paths(inputs, output, config.format, [SHEET] if config.sheet else [])
    results = [*jobs.values(), *([sheet] if config.sheet else [])]
    existing = [path for path in results if path.exists()]
    if existing and not config.overwrite:
        raise ValueError(
            f"{len(existing)} of {len(results)} results exist already. Expected "
            f"another --output, or --overwrite. Received: {existing[0]}"
        )
    predict = inference.dense_predictor(model)
    short_side = config.side or short_side or DEFAULT_SIDE
    options = short_side, config.hue_mode, config.chroma_mode, config.saturation
    shown, unreadable, written = [], [], []
    chosen = set(data.evenly_spaced(jobs, _SHOWN)) if config.sheet else ()
    for number, source in enumerate(progress_bar(jobs, "coloring")):
        try:
            image = data.load_image(source)
        except (OSError, ValueError) as error:
            logging.warning("Left out: %s", error)
            unreadable.append(str(error).rsplit("Received: ", 1)[-1])
            continue
        colored = inference.color_photograph(predict, image, *options)
        pictures.save_image(jobs[source], colored)
        written.append(jobs[source])
        if number in chosen:
            shown.append((_shrunk(image), _shrunk(colored)))
    if shown:
        pictures.save_image(sheet, _sheet(shown))
        written.append(sheet)
    if unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(jobs)} images could not be read; the others "
            f"are done. Expected readable images. Received: {'; '.join(unreadable)}"
        )
    return written


def result_paths(inputs, output, extension, reserved=()):
    """Finds the images of files and folders, and a name for each result.

    A file's result has its name, an image in a folder keeps its path below that
    folder; the ending is replaced. Where two would get the same name, in
    whatever case, the old ending stays before the new one (`a.jpg.png`), and a
    number follows if that is not enough. An image that is named twice comes
    once. Images below `output` are left out of the folders around it: they are
    results of an earlier call.

    Args:
        inputs: Paths of image files and of folders, whose folders are entered.
        output: Folder of the results.
        extension: Ending of the results, such as `"png"`.
        reserved: Names of files in `output` that no result may have.

    Returns:
        A dict from the path of each image to that of its result.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If there are no inputs, a folder holds no images, or a result
            would replace one of the images.
    """
    output = pathlib.Path(output)
    names = _find(inputs, output)
    if not names:
        raise ValueError(
            "There are no images. Expected image files or folders. "
            f"Received: {', '.join(map(str, inputs)) or 'none'}"
        )
    # `casefold`: to some file systems A.png and a.png are the same.
    stems = {source: str(name.with_suffix("")) for source, name in names.items()}
    counts = collections.Counter(map(str.casefold, stems.values()))
    taken, jobs = {name.casefold() for name in reserved}, {}
    for source, name in names.items():
        plain = [stems[source]] if counts[stems[source].casefold()] == 1 else []
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        candidates = itertools.chain(plain, [name], numbered)
        results = (f"{stem}.{extension}" for stem in candidates)
        result = next(path for path in results if path.casefold() not in taken)
        taken.add(result.casefold())
        jobs[source] = output / result
    sources = {source.resolve() for source in jobs}
    for result in jobs.values():
        if result.resolve() in sources:
            raise _among_images(result)
    return jobs


def _find(inputs, output):
    """Returns a dict from images to their paths below the folder of results."""
    found, output = {}, output.resolve()
    for path in map(pathlib.Path, inputs):
        if not path.exists():
            raise FileNotFoundError(
                "An input does not exist. Expected an image file or a folder. "
                f"Received: {path}"
            )
        folder = path.resolve()
        if folder == output:
            raise _among_images(path)
        images = map(pathlib.Path, files.find_images(path)) if path.is_dir() else [path]
        for image in images:
            real = image.resolve()
            if folder in output.parents and output in real.parents:
                continue
            name = image.relative_to(path if path.is_dir() else path.parent)
            found.setdefault(real, (image, name))
    return dict(found.values())


def _among_images(path):
    return ValueError(
        "A result would replace an image, or be colored itself the next time. "
        f"Expected another folder for the results. Received: {path}"
    )


def _shrunk(image):
    """Shrinks an image to what a contact sheet shows of it."""
    height, width = image.shape[:2]
    scale = min(1.0, _HEIGHT / height, _WIDEST * _HEIGHT / width)
    return pictures.resize(image, scale)


def _sheet(pairs):
    """Draws gray, colored and, where the image had color, true pictures."""
    colorful = [is_colorful(image) for image, _ in pairs]
    titles = ["gray", "colored", "true"][: 3 if any(colorful) else 2]
    blank = np.full((1, 1, 3), 255, np.uint8)
    rows = []
    for (image, colored), has_color in zip(pairs, colorful, strict=True):
        gray = np.rint(image.mean(-1, keepdims=True)).astype(np.uint8)
        row = gray, colored, image if has_color else blank
        rows.append([_framed(picture) for picture in row[: len(titles)]])
    columns = -(-len(rows) // _ROWS)
    groups = [rows[column::columns] for column in range(columns)]
    return pictures.grouped_sheet(groups, titles * columns, _HEIGHT)


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
