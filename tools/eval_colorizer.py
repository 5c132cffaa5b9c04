"""Evaluates a trained colorizer on held-out photographs.

    python tools/eval_colorizer.py --ckpt runs/colorizer
    python tools/eval_colorizer.py --ckpt runs/colorizer --data my_photos

Prints and writes the KL divergence of hue and chroma beside that of the mean
histogram of the training images, and RMSE and PSNR beside those of the gray
image; draws a contact sheet. Without --data it takes the images that the run
held out. Nothing is skipped: an unreadable image ends the evaluation.
"""

import dataclasses
import pathlib

import _app
import numpy as np
from absl import flags, logging

from selfsup import evaluation, runs, training

_CKPT = flags.DEFINE_string("ckpt", None, "Workdir or .keras file.", required=True)
_DATA = flags.DEFINE_multi_string(
    "data", None, "Images: folder, list file or tfds:NAME/SPLIT. Repeatable."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder of the report; default: evaluation in the workdir."
)
_CROP_SIZE = flags.DEFINE_integer(
    "crop_size", None, "Side of the crops, for a .keras file without config.json."
)


def main():
    run = runs.open_run(_CKPT.value, "colorizer.keras")
    config = training.evaluation_config(run, _DATA.value, _CROP_SIZE.value)
    output = pathlib.Path(_OUTPUT.value or run.folder / "evaluation")
    output.mkdir(parents=True, exist_ok=True)
    constants = (run.results or {}).get("constants")
    report = evaluation.evaluate_colorizer(
        run.model,
        config,
        constants and {k: np.float32(v) for k, v in constants.items()},
        output / "samples.png",
    )
    settings = dataclasses.asdict(config)
    runs.write_json(output / "config.json", {"ckpt": _CKPT.value, **settings})
    runs.write_json(output / "results.json", report)
    for name, value in report.items():
        logging.info("%-16s %.5g", name, value)
    logging.info("Look at %s", output / "samples.png")


if __name__ == "__main__":
    _app.run(main)
