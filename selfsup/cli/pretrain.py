"""Pretrains a network on unlabeled photographs by any proxy task.

    python tools/pretrain.py --task rotation --data my_photos --workdir runs/turned
    python tools/pretrain.py --task colorization --preset paper --data photos

Without --data it trains on the photographs that come with the package. The workdir
then holds curves.png and other pictures, backbone.keras to go on with, the whole
model, results.json, log.csv and tensorboard/. The same command again resumes a run
that was stopped. Flags that are not given come from the preset.
"""

import dataclasses

from absl import logging

from selfsup import training
from selfsup.cli.app import Tool
from selfsup.cli.options import RunOptions
from selfsup.settings import setting
from selfsup.training import tasks
from selfsup.training.pretraining_config import PRESETS

TASKS = {name: tasks.get(name) for name in tasks.names() if tasks.get(name).pretraining}


@dataclasses.dataclass(frozen=True)
class Options(RunOptions):
    """Flags that are no settings of the run."""

    task: str = setting(
        "colorization", f"Proxy task: {' or '.join(TASKS)}.", choices=TASKS
    )
    workdir: str | None = setting(None, "Folder of the run. Default: runs/TASK.")


def defaults(task):
    """Returns the defaults of a proxy task by preset."""
    fields = {preset: task.Config.from_preset(preset).to_json() for preset in PRESETS}
    return {name: {**values, "preset": "sample"} for name, values in fields.items()}


def train(task, options, given):
    """Trains a proxy task by the settings given, and logs the results."""
    config = task.Config.from_preset(**given)
    results = training.train(task(config), options.workdir, options.overwrite)
    for part in ("training", "held_out"):
        measures = results.get(part, {})
        for name, value in measures.items():
            if f"{name}_baseline" in measures:
                logging.info(
                    "%s %s: %.4f, without looking at the image: %.4f",
                    part.replace("_", "-"),
                    name,
                    value,
                    measures[f"{name}_baseline"],
                )
    logging.info("Look at %s", options.workdir)


def main(options, given):
    """Trains the task that was chosen."""
    workdir = options.workdir or f"runs/{options.task}"
    options = dataclasses.replace(options, workdir=workdir)
    train(TASKS[options.task], options, given)


TOOL = Tool(__doc__, main, Options, {name: task.Config for name, task in TASKS.items()})
