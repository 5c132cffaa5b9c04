"""Trains a network to tell which one of several classes a photograph shows.

    python tools/train_classifier.py --data photos --init runs/colorizer
    python tools/train_classifier.py --data photos --samples_per_class 10
    python tools/train_classifier.py --data imagenet --network vgg16 \\
        --schedule multistep --labels "per_class(100), noise(0.1), buckets(H16)"

A folder has a folder for each class, or train/ and val/ of such. A tenth of the
training images is held out; the learning rate falls and the run ends when the
accuracy on them stops improving, and the best weights are kept. The workdir then
holds single_label_classifier.keras, backbone.keras to go on with, schedule.json,
results.json, samples.png, curves.png, log.csv and tensorboard/. The same command
again resumes a run that was stopped.
"""

import dataclasses

from absl import logging

from selfsup import evaluation, training
from selfsup.cli.app import Tool
from selfsup.cli.options import RunOptions
from selfsup.settings import changed
from selfsup.training import tasks

TASK = tasks.get("single_label")


@dataclasses.dataclass(frozen=True)
class Options(RunOptions):
    """Flags that are no settings of the run."""

    workdir: str = changed(RunOptions, "workdir", "runs/classifier")


def main(options, given):
    """Trains by the settings given."""
    config = TASK.Config.from_values(given)
    results = training.train(TASK(config), options.workdir, options.overwrite)
    logging.info("\n%s", evaluation.class_table(results))
    logging.info("Look at %s/curves.png", options.workdir)


TOOL = Tool(__doc__, main, Options, {TASK.name: TASK.Config})
