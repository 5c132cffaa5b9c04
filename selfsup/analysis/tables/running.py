"""Runs the cells of tables; what is done is not done again."""

import csv
import dataclasses
import datetime
import json
import pathlib
import platform

import keras
import numpy as np
import tensorflow as tf
from absl import logging

import selfsup
from selfsup import runs, training
from selfsup.analysis.tables import ledger
from selfsup.analysis.tables.scales import SCALES
from selfsup.data.voc import layout, sbd
from selfsup.settings import Config, changed, setting
from selfsup.training import tasks
from selfsup.training.tasks.segmentation import SegmentationConfig
from selfsup.training.tasks.single_label import SingleLabelConfig


@dataclasses.dataclass(frozen=True)
class TableData(Config):
    """Where the data of the tables are."""

    data: tuple[str, ...] = setting(
        (),
        "Photographs to color in pretraining: folder, list file or tfds:NAME/SPLIT.",
        path=True,
    )
    labeled_data: str | None = changed(SingleLabelConfig, "data", None)
    val_data: str | None = changed(
        SingleLabelConfig,
        "val_data",
        None,
        "Labeled photographs to measure on, given like --labeled_data. Default: val/ "
        "of that, if any.",
    )
    voc_dir: str | None = setting(
        None, "VOC 2012, or a folder of its layout, for segmentation.", path=True
    )
    sbd_dir: str | None = changed(SegmentationConfig, "sbd_dir", None)
    voc2007_dir: str | None = setting(
        None, "VOC 2007, or a folder of its layout, for classification.", path=True
    )

    def of(self, task):
        """Returns the fields of a task's configuration that say where its data are.

        Args:
            task: Name of the task.
        """
        return {field: getattr(self, flag) for field, flag in _FIELDS[task].items()}

    def missing(self, recipe):
        """Returns the flags without which a recipe cannot run, a tuple.

        Args:
            recipe: A `Recipe`.
        """
        needed = [_NEEDED[part.task] for part in recipe.chain]
        return tuple(dict.fromkeys(flag for flag in needed if not getattr(self, flag)))

    @property
    def has_more_masks(self):
        """Whether there is a split `train_aug`, or no folder to look into yet."""
        if self.sbd_dir or not self.voc_dir:
            return True
        folder = layout.resolve(self.voc_dir, 2012)
        lists = pathlib.Path(folder, "ImageSets", "Segmentation")
        return (lists / f"{sbd.AUGMENTED}.txt").exists()


_FIELDS = {
    "colorization": {"data": "data"},
    "single_label": {"data": "labeled_data", "val_data": "val_data"},
    "segmentation": {"voc_dir": "voc_dir", "sbd_dir": "sbd_dir"},
    "classification": {"voc_dir": "voc2007_dir"},
}
_NEEDED = {task: next(iter(fields.values())) for task, fields in _FIELDS.items()}

# Settings that say which of the data a run reads.
_CHOICES = ("samples_per_class", "labels", "train_split")


def check_data(recipes, data, measures=()):
    """Opens what the runs read, so that what is missing is found before hours of them.

    Args:
        recipes: List of `Recipe`s. Of runs that read the same, one is looked at.
        data: A `TableData`.
        measures: Names of the measures that are wanted.

    Raises:
        FileNotFoundError: If photographs, labels or lists are missing.
        ValueError: If they are not of the format, too few, or there are none to
            measure on.
    """
    parts = {
        (part.task, *map(part.settings.get, _CHOICES)): part
        for recipe in recipes
        for part in recipe.chain
    }
    measured = {recipe.task for recipe in recipes}
    for part in parts.values():
        config = part.config(data.of(part.task))
        task = tasks.of_config(config)(config)
        task.open("train")
        test = task.open("test")
        if part.task not in measured:
            continue
        if test is None:
            raise ValueError(
                "There are no images to measure on. Expected --val_data, or val/ in "
                f"--labeled_data. Received: {data.labeled_data}"
            )
        best_five = part.task == "single_label" and "top_5_accuracy" in measures
        if best_five and len(test.classes) <= 5:
            raise ValueError(
                "The measure is the share of images whose class is among the best "
                "five. Expected more than five classes, or --scale mini. "
                f"Received: {', '.join(test.classes)}"
            )


def run_recipe(recipe, folder, data):
    """Trains what a recipe takes, or reads what is done.

    Args:
        recipe: A `Recipe`.
        folder: Path of the folder that holds a folder for each run.
        data: A `TableData`.

    Returns:
        A list of the results of the runs of its chain, as in their `results.json`.

    Raises:
        ValueError: If a run in the folder has other settings.
    """
    before = run_recipe(recipe.start, folder, data) if recipe.start else []
    init = str(folder / recipe.start.name) if recipe.start else None
    given = data.of(recipe.task)
    config = recipe.config(given, init)
    workdir = folder / recipe.name
    results = runs.read_json(workdir / "results.json")
    settings = runs.read_settings(workdir / "config.json")
    if settings:
        decided = {*recipe.settings, *given, "init"}
        # The folder's name knows the weights, wherever they are by now.
        _check_same(
            workdir, config, settings, decided - {"init"} if results else decided
        )
    if results is None:
        logging.info("%s: %s", workdir.name, json.dumps(recipe.settings))
        results = training.train(tasks.of_config(config)(config), workdir)
        # Else the networks of all runs stay in memory.
        keras.backend.clear_session()
    return [*before, results]


def _check_same(workdir, config, settings, decided):
    """Refuses a run that was made, or begun, with other settings or other data."""
    before = type(config).from_json(runs.split_settings(settings)[1])
    differing = {
        name: pair
        for name, pair in config.differences(before).items()
        if name in decided and pair[1] is not None
    }
    runs.refuse_other_settings(
        f"The workdir {workdir} holds a run with other settings. Expected the same "
        "ones, or another --workdir",
        differing,
    )


def run_cell(number, cell, scale, seed, folder, data, results_path, init=None):
    """Runs a cell with a seed, and adds its result to the file of results.

    Args:
        number: Number of the table.
        cell: A `paper.Cell`.
        scale: A key of `SCALES`.
        seed: Seed of the downstream run; a pretraining has seed 0.
        folder: As in `run_recipe`.
        data: A `TableData`.
        results_path: Path of the file; see `ledger`.
        init: As in `Scale.recipe`.

    Returns:
        The result, a dict.

    Raises:
        ValueError: As in `run_recipe` and `ledger.append`.
    """
    settings = SCALES[scale]
    recipe = settings.recipe(cell, data.has_more_masks, init)
    seeded = recipe.with_seed(seed)
    *_, found = run_recipe(seeded, folder, data)
    measure = settings.measures[cell.task]
    taken = [
        {
            "name": part.name,
            "task": part.task,
            "settings": part.settings,
            "training_hours": round(_hours(folder / part.name), 3),
        }
        for part in seeded.chain
    ]
    result = {
        "table": number,
        "scale": scale,
        "row": cell.row,
        "column": cell.column,
        "seed": seed,
        "measure": measure,
        "value": found[measure],
        "recipe": recipe.digest,
        "images": [runs.read_images(folder / run["name"]) for run in taken],
        "tested_on": found["images"],
        "runs": taken,
        "versions": {
            "selfsup": selfsup.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "date": datetime.date.today().isoformat(),
    }
    ledger.append(results_path, result)
    return result


def _hours(workdir):
    """Returns how long the steps of a run took, whatever stopped it between."""
    seconds = timed = untimed = 0.0
    for log in (workdir / "log.csv", workdir / "retrained" / "log.csv"):
        if not log.exists():
            continue
        step = 0.0
        with log.open(newline="") as file:
            for row in csv.DictReader(file):
                steps, rate = float(row["step"]) - step, float(row["steps_per_second"])
                step += steps
                if rate:
                    seconds, timed = seconds + steps / rate, timed + steps
                else:
                    # A run that was stopped while it was evaluated lost the time.
                    untimed += steps
    return seconds * (timed + untimed) / max(timed, 1.0) / 3600
