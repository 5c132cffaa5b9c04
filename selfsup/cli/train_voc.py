"""Trains a network for VOC segmentation or classification.

    python tools/train_voc.py --voc_dir VOCdevkit --init runs/colorizer
    python tools/train_voc.py --voc_dir VOCdevkit --task classification
    python tools/train_voc.py --voc_dir VOCdevkit --sbd_dir benchmark_RELEASE \\
        --init runs/colorizer --retrain_on_all

A tenth of the training images is held out; the learning rate falls and the run
ends when the score on them stops improving, and the best weights are kept. The
workdir then holds segmenter.keras (or classifier.keras), backbone.keras,
schedule.json, results.json, samples.png, curves.png, log.csv and tensorboard/.
The same command again resumes a run that was stopped. Flags that are not given
are the paper's for the task.
"""

import dataclasses

from absl import logging

from selfsup import evaluation, training
from selfsup.cli.app import Tool
from selfsup.cli.options import RunOptions
from selfsup.settings import changed, setting
from selfsup.training import tasks

TASKS = {name: tasks.get(name) for name in ("segmentation", "classification")}


@dataclasses.dataclass(frozen=True)
class Options(RunOptions):
    """Flags that are no settings of the run."""

    task: str = setting("segmentation", "What is learned.", choices=TASKS)
    workdir: str = changed(RunOptions, "workdir", "runs/voc")


def main(options, given):
    """Trains by the settings given."""
    task = TASKS[options.task]
    config = task.Config.from_values(given)
    results = training.train(task(config), options.workdir, options.overwrite)
    logging.info("\n%s", evaluation.class_table(results))
    logging.info("Look at %s/curves.png", options.workdir)


TOOL = Tool(__doc__, main, Options, {name: task.Config for name, task in TASKS.items()})
