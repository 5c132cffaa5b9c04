"""The two doors: `train` a task, `evaluate` what was trained."""

import dataclasses
import pathlib

import keras
import tensorflow as tf
from absl import logging

from selfsup import runs
from selfsup.training import tasks
from selfsup.training.checkpoints import save_model
from selfsup.training.controls import FixedLength, PlateauSearch, Replay
from selfsup.training.phases import Phase
from selfsup.training.step import divisible_batch, one_device_for_jit
from selfsup.training.strategies import default_strategy


def train(task, workdir, overwrite=False, strategy=None):
    """Trains a model for a task, or resumes a run where it was stopped.

    Pretraining has a fixed length. Other tasks train on a part of the samples until
    the plateau rule on the rest ends the run, and the best weights are the result;
    with `retrain_on_all` the schedule found is then replayed on all samples.

    Args:
        task: A `Task`, such as `tasks.Colorization(config)`.
        workdir: Folder for everything that the run writes.
        overwrite: Whether to remove an earlier run in that folder.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.

    Returns:
        The results, as written to `results.json`.

    Raises:
        FileNotFoundError: If images, labels or weights are missing.
        ValueError: If the settings, the data or the folder do not fit.
        FloatingPointError: If a loss is not finite.
        MemoryError: If the batch is too large for the device.
        OSError: If something cannot be written.
    """
    workdir = pathlib.Path(workdir).expanduser()
    strategy = strategy or default_strategy()
    replicas = strategy.num_replicas_in_sync
    divisible_batch(task.config.batch_size, replicas, task.config.accumulation)
    one_device_for_jit(task.config.jit, replicas)
    if task.config.deterministic:
        tf.config.experimental.enable_op_determinism()
    # What cannot work is refused before anything is written, or overwritten.
    keras.utils.set_random_seed(task.config.seed)
    task.resolve(None if overwrite else workdir)
    config = task.config
    parts = {part: task.open(part) for part in ("train", "held_out", "test")}
    parts = {part: samples for part, samples in parts.items() if samples is not None}
    for part in ("held_out", "test"):
        if part in parts:
            task.check(parts[part])
    keras.utils.set_random_seed(config.seed)
    backbone = task.backbone(parts["train"])
    workdir = runs.prepare(workdir, task.name, config, overwrite)
    _announce(task, parts, strategy)
    train_phase = _pretrain if task.pretraining else _search
    phase, backbone_and_model, results = train_phase(
        task, backbone, parts, workdir, strategy
    )
    backbone, model = backbone_and_model
    save_model(model, workdir / f"{task.kind}.keras")
    save_model(backbone, workdir / "backbone.keras")
    results |= task.results(model, parts, strategy, workdir / runs.JOURNAL)
    runs.write_json(workdir / "results.json", results)
    phase.draw_curves(task.baselines(results))
    return results


def _pretrain(task, backbone, parts, workdir, strategy):
    """Returns the phase, its backbone and model, and its part of the results."""
    control = FixedLength(task.config.num_steps(len(parts["train"])))
    phase = Phase(task, control, backbone, parts, workdir, strategy)
    done = phase.train()
    return phase, phase.portable(), {"steps": done}


def _search(task, backbone, parts, workdir, strategy):
    """Returns the same for a plateau search, and a replay where one is wanted."""
    config = task.config
    control = PlateauSearch(config.max_steps)
    searched = {part: parts[part] for part in ("train", "held_out")}
    phase = Phase(task, control, backbone, searched, workdir, strategy)
    phase.train()
    result = phase.portable(control.best_path(workdir))
    if config.retrain_on_all:
        samples = task.open("all")
        logging.info("Retraining on all %d images", len(samples))
        folder = workdir / "retrained"
        folder.mkdir(exist_ok=True)
        replay = Phase(
            task, Replay(control.state), backbone, {"train": samples}, folder, strategy
        )
        replay.train()
        result = replay.portable()
        replay.draw_curves()
    results = {
        "best_step": control.state.best_step,
        f"held_out_{task.score}": control.state.best_score,
        "retrained_on_all": config.retrain_on_all,
    }
    return phase, result, results


def _announce(task, parts, strategy):
    config = task.config
    counts = {part: len(samples) for part, samples in parts.items()}
    logging.info(
        "%s from %s: %s of width %g; %d images, %s held out, %s to test on; %d %s",
        task.name,
        config.init,
        config.network,
        config.width,
        counts["train"],
        counts.get("held_out", "none"),
        counts.get("test", "none"),
        strategy.num_replicas_in_sync,
        "GPU" if tf.config.list_logical_devices("GPU") else "CPU",
    )


def evaluate(ckpt, options=None, output=None, strategy=None, kinds=None):
    """Evaluates a trained model, and writes a report.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        options: Dict of options, the fields of the task's `EvaluationConfig`; None
            for the defaults.
        output: Folder of the report; None for `evaluation` in the workdir.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.
        kinds: Kinds of models that are accepted; None for those of all tasks.

    Returns:
        A pair: the results, as written to `results.json`, and the folder.

    Raises:
        FileNotFoundError: If the model, an image or a label is missing.
        ValueError: If the model is of another kind or does not fit the data, or an
            option is unknown to its task.
        OSError: If the report cannot be written.
    """
    strategy = strategy or default_strategy()
    kinds = kinds or tasks.kinds()
    with strategy.scope():
        run = runs.open_run(ckpt, kinds)
    task = tasks.of_run(run, kinds, ckpt)
    options = task.EvaluationConfig.from_values(options or {})
    samples, options = task.for_evaluation(run, options)
    output = pathlib.Path(output or run.folder / "evaluation").expanduser()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            "The folder of the report cannot be made. Expected one that can be "
            f"written. Received: {output} ({error.strerror})"
        ) from error
    found, draw = task.evaluate(run, samples, options, strategy, output / runs.JOURNAL)
    results = {"ckpt": str(ckpt), **found}
    runs.write_json(
        output / "config.json", {"ckpt": str(ckpt), **dataclasses.asdict(options)}
    )
    runs.write_json(output / "results.json", results)
    # Pictures of an earlier evaluation would lie beside other numbers.
    for name in task.figures:
        (output / name).unlink(missing_ok=True)
    draw(output)
    return results, output
