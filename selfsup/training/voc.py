"""Downstream training on VOC, in the paper's protocol."""

import dataclasses
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from selfsup import data, runs
from selfsup.runs import JOURNAL
from selfsup.training.checkpoints import save_model
from selfsup.training.initialization import balanced, freeze, initial_backbone
from selfsup.training.loop import divisible_batch, one_device_for_jit
from selfsup.training.strategies import default_strategy
from selfsup.training.voc_config import RESUMABLE
from selfsup.training.voc_phases import Replay, Search
from selfsup.training.voc_tasks import TASKS

# Training batches that second moments are measured on.
_BALANCING_BATCHES = 4


def train_voc(config, workdir, overwrite=False, strategy=None):
    """Trains a network for a VOC task, or goes on where a run was stopped.

    The training images are split at random; the run on the larger part is ended
    by the plateau rule on the smaller one, and its best weights are the result.
    With `retrain_on_all` the schedule found is then replayed on all of them.

    Args:
        config: A `VocConfig`.
        workdir: Folder for everything that the run writes.
        overwrite: Whether to remove an earlier run in that folder.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.

    Returns:
        The results, as written to `results.json`.

    Raises:
        FileNotFoundError: If images, masks or weights are missing.
        ValueError: If the settings, the data or the folder do not fit.
        FloatingPointError: If a loss is not finite.
        MemoryError: If the batch is too large for the device.
        OSError: If something cannot be written.
    """
    strategy = strategy or default_strategy()
    replicas = strategy.num_replicas_in_sync
    divisible_batch(config.batch_size, replicas, config.accumulation)
    one_device_for_jit(config.jit, replicas)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(config.seed)
    workdir = pathlib.Path(workdir)
    if not overwrite:
        config = _of_same_period(config, workdir)
    backbone = initial_backbone(config)
    config = config.resolved(backbone)
    task = TASKS[config.task](config)
    samples = task.open(config.train_split)
    test = None if config.val_split == "none" else task.open(config.val_split)
    training, held_out = split(samples, config.held_out, config.seed)
    # What cannot work is refused before anything is written, or overwritten.
    for evaluated in (held_out, test):
        if evaluated is not None:
            task.check(evaluated)
    freeze(backbone, config.trainable)
    if not overwrite:
        _check_length(config, workdir)
    inputs = _inputs(task, samples, backbone)
    workdir = runs.prepare(workdir, config, RESUMABLE, overwrite)
    _announce(config, training, held_out, test, strategy)
    backbone = balanced(backbone, inputs)
    search = Search(
        held_out, config, task, backbone, training, workdir, strategy, config.max_steps
    )
    search.train()
    backbone_and_model = search.best()
    if config.retrain_on_all:
        logging.info("Retraining on all %d images", len(samples))
        folder = workdir / "retrained"
        folder.mkdir(exist_ok=True)
        replay = Replay(search.state, config, task, backbone, samples, folder, strategy)
        replay.train()
        backbone_and_model = replay.portable()
    backbone, model = backbone_and_model
    save_model(model, workdir / task.model_file)
    save_model(backbone, workdir / "backbone.keras")
    results = {
        "best_step": search.state.best_step,
        f"held_out_{task.score_name}": search.state.best_score,
        "retrained_on_all": config.retrain_on_all,
        "classes": list(samples.classes),
    }
    if test is not None:
        results["split"] = config.val_split
        results |= task.evaluate(model, test, strategy, workdir / JOURNAL)
    runs.write_json(workdir / "results.json", results)
    return results


def split(samples, share, seed):
    """Splits images at random.

    Args:
        samples: A set with `subset`.
        share: Share of the second part.
        seed: Seed of the choice.

    Returns:
        A pair of sets, both in the order of `samples`.

    Raises:
        ValueError: If there are not at least two images.
    """
    if len(samples) < 2:
        raise ValueError(
            "There are too few images to hold some out. Expected at least 2. "
            f"Received: {len(samples)} in split {samples.split!r} of {samples.folder}"
        )
    order = np.random.default_rng(seed).permutation(len(samples))
    count = min(len(samples) - 1, max(1, round(share * len(samples))))
    parts = sorted(order[count:].tolist()), sorted(order[:count].tolist())
    return tuple(samples.subset(part) for part in parts)


def _of_same_period(config, workdir):
    """Lets a run that is prolonged keep the evaluation period it began with."""
    if config.eval_every or not workdir.is_dir():
        return config
    before = runs.read_json(workdir / "config.json") or {}
    return dataclasses.replace(config, eval_every=before.get("eval_every", 0))


def _check_length(config, workdir):
    newest = tf.train.latest_checkpoint(str(workdir / "checkpoints"))
    done = int(newest.rsplit("-", 1)[-1]) if newest else 0
    if done > config.max_steps:
        raise ValueError(
            "The run is longer already. Expected --max_steps of at least the steps "
            f"done, {done}, another --workdir, or --overwrite. "
            f"Received: max_steps={config.max_steps}"
        )


def _inputs(task, samples, backbone):
    with data.voc.reading_errors():
        batches = task.batches(samples).take(_BALANCING_BATCHES)
        return [inputs[backbone.input.name].numpy() for inputs, *_ in batches]


def _announce(config, training, held_out, test, strategy):
    logging.info(
        "%s from %s: %s of width %g; %d images, %d held out, %s to test on; %d %s",
        config.task,
        config.init,
        config.network,
        config.width,
        len(training),
        len(held_out),
        len(test) if test is not None else "none",
        strategy.num_replicas_in_sync,
        "GPU" if tf.config.list_logical_devices("GPU") else "CPU",
    )
