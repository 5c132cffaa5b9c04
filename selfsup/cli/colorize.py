"""Colors photographs, gray or color, of any size and format.

    python tools/colorize.py --output colored photo.jpg
    python tools/colorize.py --output colored --ckpt runs/mine my_photos more.tif

Writes a PNG for each image: its colors are predicted, and the mean of R, G and
B stays, within 1 of 255. Folders are entered; a result keeps its path below its
folder. sheet.png shows gray, colored and, of color photographs, true pictures;
sheet-2.png, sheet-3.png and so on those beyond a hundred.
Read are JPEG, PNG, TIFF, WebP, BMP, GIF and others; CMYK, 16 bits, palettes and
EXIF orientation too. An image that cannot be read, or a result that cannot be
written, is named in the end, with a non-zero exit code; the others are colored.

The same command goes on where it was stopped or killed: results that are there
are kept. colored.jsonl says what they were made of and with.
"""

import dataclasses

from absl import logging

from selfsup import runs
from selfsup.cli.app import Tool
from selfsup.evaluation import ColorizeConfig, color_files
from selfsup.evaluation.coloring_sheets import SHEET
from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that are no settings of the result."""

    ckpt: str = setting(
        "sample", "Workdir, .keras file, or the name of a model of the zoo.", path=True
    )
    output: str = setting(None, "Folder of the colored images.", path=True)


def main(options, given, images):
    """Colors images."""
    config = ColorizeConfig.from_values(given)
    run = runs.open_run(options.ckpt, ["colorizer"])
    written = color_files(run.model, images, options.output, config, run.side)
    sheets = [path for path in written if path.name == SHEET]
    logging.info("Look at %s", sheets[0] if sheets else options.output)


TOOL = Tool(__doc__, main, Options, {"colorize": ColorizeConfig}, arguments=True)
