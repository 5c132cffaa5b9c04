"""Evaluates a single-label classifier on every photograph of a labeled set.

    python tools/eval_classifier.py --ckpt runs/classifier
    python tools/eval_classifier.py --ckpt runs/classifier --crops 10 --figures
    python tools/eval_classifier.py --ckpt runs/classifier --data other_photos

Accuracy, also of the five best guesses, and the share of each class that is
recognized. Nothing is skipped: a damaged file ends the evaluation. An evaluation
that was stopped goes on where it was. The report goes to evaluation/ in the
workdir.
"""

from absl import logging

from selfsup import evaluation, training
from selfsup.cli.app import Tool
from selfsup.cli.options import ReportOptions
from selfsup.cli.train_classifier import TASK


def main(options, given):
    """Evaluates by the options given."""
    results, output = training.evaluate(
        options.ckpt, given, options.output, accepted=[TASK.name]
    )
    logging.info("\n%s", evaluation.class_table(results))
    logging.info("The report is in %s", output)


TOOL = Tool(__doc__, main, ReportOptions, {TASK.name: TASK.EvaluationConfig})
