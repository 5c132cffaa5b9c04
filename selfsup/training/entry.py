"""The two entry points: `train` a task, `evaluate` what was trained."""

import contextlib
import pathlib

import keras
import tensorflow as tf
from absl import logging

from selfsup import backend, runs, workers
from selfsup.locking import locked
from selfsup.training import cluster, tasks
from selfsup.training.checkpoints import save_model
from selfsup.training.controls import FixedLength, PlateauSearch, Replay
from selfsup.training.named_callbacks import import_callback
from selfsup.training.phases import Phase
from selfsup.training.plateau import Plateau
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
        strategy: A `tf.distribute.Strategy`; None for that of the cluster which the
            environment names, else for all visible devices. Of several workers, the
            first writes to the folder, and the others must see it.

    Returns:
        The results, as written to `results.json`.

    Raises:
        FileNotFoundError: If images, labels or weights are missing.
        ValueError: If the settings, the data or the folder do not fit, or Keras
            computes in another type than float32.
        FloatingPointError: If a loss is not finite.
        MemoryError: If the batch is too large for the device.
        OSError: If something cannot be written.
        RuntimeError: If another worker was lost.
    """
    backend.require_float32()
    workdir = pathlib.Path(workdir).expanduser()
    strategy = strategy or cluster.strategy() or default_strategy()
    replicas = strategy.num_replicas_in_sync
    divisible_batch(task.config.batch_size, replicas, task.config.accumulation)
    one_device_for_jit(task.config.jit, replicas)
    for name in task.config.callbacks:
        import_callback(name)
    if task.config.deterministic:
        tf.config.experimental.enable_op_determinism()
    chief = workers.place(strategy)[0] == 0
    with workers.together(strategy), contextlib.ExitStack() as opened:
        existed = workdir.exists()
        if existed and chief:
            # At once, not when the network was built.
            opened.enter_context(locked(runs.make(workdir)))
        # What cannot work is refused before anything is written, or overwritten.
        keras.utils.set_random_seed(task.config.seed)
        task.resolve(None if overwrite else workdir)
        parts = _open(task)
        keras.utils.set_random_seed(task.config.seed)
        logging.info("Building the network")
        backbone = task.backbone(parts["train"])
        _check_equal(task, parts, strategy)
        with workers.chief_first(strategy):
            if chief:
                if not existed:
                    opened.enter_context(locked(runs.make(workdir)))
                runs.prepare(workdir, task.name, task.config, overwrite)
                task.list_samples(workdir)
            else:
                folder = opened.enter_context(cluster.private_copy(workdir))
                workdir = pathlib.Path(folder)
        # The chief changes nothing before all have their copies.
        workers.exchange(strategy)
        return _train(task, backbone, parts, workdir, strategy)


def _check_equal(task, parts, strategy):
    if workers.place(strategy)[1] > 1:
        names = {part: task.names(samples) for part, samples in parts.items()}
        images = {f"{part} images": runs.fingerprint(x) for part, x in names.items()}
        settings = {"task": task.name, **task.config.to_json(), **images}
        workers.check_equal(strategy, settings)


def _open(task):
    """Returns a dict from each part that the task has to its samples, checked."""
    parts = {part: task.open(part) for part in ("train", "held_out", "test")}
    parts = {part: samples for part, samples in parts.items() if samples is not None}
    for part, samples in parts.items():
        check = task.check_training if part == "train" else task.check
        check(samples)
    return parts


def _train(task, backbone, parts, workdir, strategy):
    config, replicas = task.config, strategy.num_replicas_in_sync
    counts = ", ".join(f"{len(samples)} {part}" for part, samples in parts.items())
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    logging.info(
        f"{task.name} from {config.init}: {config.network} of width {config.width}; "
        f"{counts}; {replicas} {device}"
    )
    train_phases = _fixed_length if task.has_fixed_length else _search
    phase, (backbone, model), results = train_phases(
        task, backbone, parts, workdir, strategy
    )
    logging.info("Saving and measuring the result")
    save_model(task.product(model), workdir / f"{task.kind}.keras")
    save_model(backbone, workdir / "backbone.keras")
    results |= task.results(model, parts, strategy, workdir / runs.JOURNAL)
    results |= task.measure_backbone(backbone)
    if not task.pretraining:
        results |= _above_baseline(f"held_out_{task.score}", results)
    runs.write_json(workdir / "results.json", results)
    phase.draw_curves(task.baselines(results))
    return results


def _above_baseline(name, results):
    """Returns whether a score is above its baseline, for the results; warns if not."""
    score, baseline = results.get(name), results.get(f"{name}_baseline")
    if score is None:
        return {}
    above = Plateau(best_score=score, baseline=baseline).has_left_baseline
    if not above:
        logging.warning(
            "The run learned nothing that can be seen: %s is %.2f %%, and %.2f %% that "
            "of the baseline, which does not look at the image",
            name,
            100 * score,
            100 * baseline,
        )
    return {f"{name}_above_baseline": bool(above)}


def _fixed_length(task, backbone, parts, workdir, strategy):
    """Returns the phase, its backbone and model, and its part of the results."""
    control = FixedLength(task.config.num_steps(len(parts["train"])))
    phase = Phase(task, control, backbone, parts, workdir, strategy)
    done = phase.train()
    return phase, phase.portable(), {"steps": done}


def _search(task, backbone, parts, workdir, strategy):
    """Returns the same for a plateau search, and a replay where one is wanted."""
    control = PlateauSearch(task.config.max_steps)
    phase = Phase(task, control, backbone, parts, workdir, strategy)
    phase.train()
    models = phase.portable(control.best_path(workdir))
    if task.config.retrain_on_all:
        parts, folder = {"train": task.open("all")}, workdir / "retrained"
        logging.info("Retraining on all %d images", len(parts["train"]))
        folder.mkdir(exist_ok=True)
        replay = Replay(control.state)
        retrained = Phase(task, replay, backbone, parts, folder, strategy)
        retrained.train()
        models = retrained.portable()
        retrained.draw_curves()
    state, score = control.state, f"held_out_{task.score}"
    results = {
        "best_step": state.best_step,
        score: state.best_score,
        f"{score}_baseline": state.baseline,
        "retrained_on_all": task.config.retrain_on_all,
    }
    return phase, models, results


def evaluate(ckpt, options=None, output=None, strategy=None, accepted=None):
    """Evaluates a trained model, and writes a report.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        options: Dict of options, the fields of the task's `EvaluationConfig`; None
            for the defaults.
        output: Folder of the report; None for `evaluation` in the workdir.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.
        accepted: Names of the tasks whose models are accepted; None for all.

    Returns:
        A pair: the results, as written to `results.json`, and the folder.

    Raises:
        FileNotFoundError: If the model, an image or a label is missing.
        ValueError: If the model is of another kind or does not fit the data, an
            option is unknown to its task, or Keras computes in another type than
            float32.
        OSError: If the report cannot be written.
    """
    backend.require_float32()
    strategy = strategy or default_strategy()
    accepted = accepted or tasks.names()
    with strategy.scope():
        run = runs.open_run(ckpt, tasks.kinds(accepted))
    task_class = tasks.of_run(run, accepted, ckpt)
    options = task_class.EvaluationConfig.from_values(options or {})
    task, samples, options = task_class.for_evaluation(run, options)
    task.check(samples)
    output = pathlib.Path(output or run.folder / "evaluation").expanduser()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            "The folder of the report cannot be made. Expected one that can be "
            f"written. Received: {output} ({error.strerror})"
        ) from error
    with locked(output):
        journal = output / runs.JOURNAL
        found, draw = task.evaluate(run.model, samples, options, strategy, journal)
        results = {"ckpt": str(ckpt), **found}
        settings = {"ckpt": str(ckpt), **options.to_json()}
        runs.write_json(output / "config.json", settings)
        runs.write_json(output / "results.json", results)
        # Pictures of an earlier evaluation would lie beside other numbers.
        for name in task.figures:
            (output / name).unlink(missing_ok=True)
        draw(output)
    return results, output
