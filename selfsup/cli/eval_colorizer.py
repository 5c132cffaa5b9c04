"""Evaluates a trained colorizer on held-out photographs.

    python tools/eval_colorizer.py --ckpt runs/colorizer
    python tools/eval_colorizer.py --ckpt runs/colorizer --data my_photos

Writes the KL divergence of hue and chroma beside that of the mean histogram of
the training images, and RMSE and PSNR beside those of the gray image; draws a
contact sheet. Without --data it takes the images that the run held out. Nothing
is skipped: an unreadable image ends the evaluation.
"""

from absl import logging

from selfsup import training
from selfsup.cli.app import Tool
from selfsup.cli.options import ReportOptions
from selfsup.training import tasks


def main(options, given):
    """Evaluates by the options given."""
    results, output = training.evaluate(
        options.ckpt, given, options.output, accepted=tasks.makers("colorizer")
    )
    for name, value in results.items():
        if not isinstance(value, str):
            logging.info("%-16s %.5g", name, value)
    logging.info("Look at %s", output / "samples.png")


TOOL = Tool(
    __doc__,
    main,
    ReportOptions,
    {"colorization": tasks.get("colorization").EvaluationConfig},
)
