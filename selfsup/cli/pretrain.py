"""Pretrains a network on unlabeled photographs by any proxy task.

    python tools/pretrain.py --task rotation --data my_photos --workdir runs/turned
    python tools/pretrain.py --task jigsaw
    python tools/pretrain.py --task colorization+rotation --second_weight 0.5
    python tools/pretrain.py --task colorization --preset paper --data photos

Without --data it trains on the photographs that come with the package. The workdir
then holds curves.png and other pictures, backbone.keras to go on with, the whole
model, results.json, log.csv and tensorboard/. The same command again resumes a run
that was stopped. Flags that are not given come from the preset.

rotation tells by which quarter turn a crop was turned, jigsaw how its nine patches were
shuffled. A task with a + trains two heads on one backbone; the colorizer is kept.
"""

import dataclasses
import itertools

from absl import logging

from selfsup import training
from selfsup.cli.app import Tool
from selfsup.cli.options import RunOptions
from selfsup.cli.verdict import verdict
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
    workdir: str | None = setting(
        None, "Folder of the run. Default: runs/TASK.", path=True
    )


def defaults(*chosen):
    """Returns the defaults of proxy tasks by preset."""
    found = {preset: {} for preset in PRESETS}
    for preset, task in itertools.product(PRESETS, chosen):
        found[preset] |= task.Config.from_preset(preset).to_json()
        found[preset]["preset"] = "sample"
    return found


def train(task, options, given):
    """Trains a proxy task by the settings given, and logs the results."""
    config = task.Config.from_preset(**given)
    results = training.train(task(config), options.workdir, options.overwrite)
    for line in verdict(results):
        logging.info("%s", line)
    if "probe_layer" in results:
        text = "probe of %s: accuracy %.4f, %.4f of the untrained network"
        values = ("probe_layer", "probe_accuracy", "probe_accuracy_baseline")
        logging.info(text, *(results[name] for name in values))
    logging.info("Look at %s", options.workdir)


def main(options, given):
    """Trains the task that was chosen."""
    workdir = options.workdir or f"runs/{options.task}"
    options = dataclasses.replace(options, workdir=workdir)
    train(TASKS[options.task], options, given)


CONFIGS = {name: task.Config for name, task in TASKS.items()}
TOOL = Tool(__doc__, main, Options, CONFIGS, defaults(*TASKS.values()))
