"""Evaluates a VOC segmenter or classifier on every image of a split.

    python tools/eval_voc.py --ckpt runs/voc
    python tools/eval_voc.py --ckpt runs/voc --split train --figures
    python tools/eval_voc.py --ckpt runs/voc --flip --scales 0.75,1,1.25
    python tools/eval_voc.py --ckpt classifier.keras --voc_dir VOCdevkit --crops fixed

Segmentation: mean IoU at full resolution, void left out. Classification: average
precision, 11-point and area, difficult left out. Nothing is skipped: a missing or
damaged file ends the evaluation. An evaluation that was stopped goes on where it
was. The report goes to evaluation/ in the workdir.
"""

import pathlib

import _app
from absl import flags, logging

from selfsup import training

_CKPT = flags.DEFINE_string("ckpt", None, "Workdir or .keras file.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder of the report; default: evaluation in the workdir."
)
_given = _app.define(training.VocEvaluation)


def main():
    output = _OUTPUT.value and pathlib.Path(_OUTPUT.value)
    settings = training.VocEvaluation(**_given())
    results, output = training.eval_voc(_CKPT.value, settings, output)
    logging.info("\n%s", training.voc_table(results))
    logging.info("The report is in %s", output)


if __name__ == "__main__":
    _app.run(main)
