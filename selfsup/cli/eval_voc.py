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

from absl import logging

from selfsup import evaluation, training
from selfsup.cli.app import Tool
from selfsup.cli.options import ReportOptions
from selfsup.cli.train_voc import TASKS


def main(options, given):
    """Evaluates by the options given."""
    results, output = training.eval_voc(options.ckpt, options.output, **given)
    logging.info("\n%s", evaluation.class_table(results))
    logging.info("The report is in %s", output)


TOOL = Tool(
    __doc__,
    main,
    ReportOptions,
    {name: task.EvaluationConfig for name, task in TASKS.items()},
)
