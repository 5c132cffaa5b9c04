"""Colours photographs, gray or colour, of any size and format.

    python tools/colorize.py --output colored photo.jpg
    python tools/colorize.py --output colored --ckpt runs/mine my_photos more.tif

Writes a PNG for each image: its colours are predicted, and the mean of R, G and
B stays, within 1 of 255. Folders are entered; a result keeps its path below its
folder. sheet.png shows gray, coloured and, of colour photographs, true pictures.
Read are JPEG, PNG, TIFF, WebP, BMP, GIF and others; CMYK, 16 bits, palettes and
EXIF orientation too. An image that cannot be read is named in the end, with a
non-zero exit code; the others are coloured.
"""

import _app
from absl import flags, logging

from selfsup import runs
from selfsup.evaluation import colored_files

_CKPT = flags.DEFINE_string(
    "ckpt", "sample", "Workdir, .keras file, or name of a model of the zoo."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder of the coloured images.", required=True
)
_settings = _app.define(colored_files.ColoringSettings)


def main(images):
    settings = colored_files.ColoringSettings(**_settings())
    run = runs.open_run(_CKPT.value, "colorizer.keras")
    written = colored_files.color_files(
        run.model, images, _OUTPUT.value, settings, run.side
    )
    logging.info("Look at %s", written[-1])


if __name__ == "__main__":
    _app.run(main)
