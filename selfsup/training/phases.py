"""Training of one model on one set of samples, in one folder."""

import keras
from absl import logging

from selfsup import pictures, runs, stopping, weights, workers
from selfsup.data.batching import reading_errors
from selfsup.training import loop, step_log
from selfsup.training.callbacks import Log, Progress, Summaries
from selfsup.training.checkpoints import Checkpoints, save_model
from selfsup.training.named_callbacks import named_callbacks
from selfsup.training.step import Step
from selfsup.training.strategies import (
    averaged_weights,
    precision,
    synchronized_normalization,
)


class Phase:
    """A run of one task under one control.

    Args:
        task: A resolved `Task`.
        control: A `FixedLength`, `PlateauSearch` or `Replay`.
        backbone: The backbone to start from; it is copied.
        parts: Dict from `"train"` and, where there are some, `"held_out"` to
            samples. Others are not looked at.
        folder: Path of the folder; it exists.
        strategy: A `tf.distribute.Strategy`.
    """

    def __init__(self, task, control, backbone, parts, folder, strategy):
        self.task, self.control, self.backbone = task, control, backbone
        self.config, self.parts = task.config, parts
        self.folder, self.strategy = folder, strategy
        # The same new weights and dropout in every phase and process.
        keras.utils.set_random_seed(self.config.seed)
        with strategy.scope(), precision(self.config.precision):
            self.trained_backbone, self.model = self._build()
            self.optimizer = control.optimizer(self.config)
            self.optimizer.build(self.model.trainable_variables)
        self.worker, self.workers = workers.place(strategy)
        if self.workers > 1:
            # Machines may compute differently.
            workers.take_from_chief(strategy, self.model.variables)
        # Keras callbacks look for it there.
        self.model.optimizer = self.optimizer
        self.predict = task.predictor(self.model)
        self.summaries = Summaries(folder / "tensorboard")

    def _build(self):
        # Layers that do not train stay so.
        backbone = self.task.copy(self.backbone)
        return backbone, self.task.model(backbone, self.parts["train"])

    def train(self):
        """Trains to the end, from the newest checkpoint on.

        Returns:
            The number of steps done in all.
        """
        losses = self.task.losses(self.model, self.parts["train"])
        self.checkpoints = Checkpoints(
            self.folder / "checkpoints",
            self.model,
            self.optimizer,
            loop.LogRow((*losses, "loss")),
            self.config.checkpoint_seconds,
            writes=self.worker == 0,
        )
        done = self.checkpoints.restore()
        titles = {"train": "training", "held_out": "held_out"}
        parts = {
            t: self.parts[part] for part, t in titles.items() if part in self.parts
        }
        names = {title: self.task.names(part) for title, part in parts.items()}
        # Version 0.1.0 knew photographs by their paths.
        former = {
            title: [part.name(index) for index in range(len(part))]
            for title, part in parts.items()
        }
        runs.check_images(self.folder, names, done > 0, former)
        # What was stopped while it was evaluated is evaluated again.
        unfinished = self._schedule().is_stop(done) and self.checkpoints.row.steps > 0
        step_log.cut(self.folder / "log.csv", done - unfinished)
        self.control.begin(self, done - unfinished)
        if done:
            logging.info("Resuming after step %d of %d", done, self.control.steps)
        if unfinished or not self.control.is_over(done):
            done = self._train(losses, done)
        return done

    def _train(self, losses, first_step):
        config, samples = self.config, self.parts["train"]
        step = Step(
            self.model,
            self.optimizer,
            losses,
            self.strategy,
            config.accumulation,
            config.jit,
            config.clip_norm,
        )
        callbacks = [*self.control.callbacks(self), self.summaries]
        if self.worker == 0:
            callbacks += named_callbacks(config.callbacks)
        log = Log(self.folder / "log.csv")
        with (
            loop.memory_advice(config.batch_size, config.accumulation),
            synchronized_normalization(self.model, self.strategy),
            reading_errors(),
            stopping.deferred(),
        ):
            return loop.run(
                step,
                lambda start: self.task.batches(
                    samples, start, (self.worker, self.workers)
                ),
                self._schedule(),
                self.checkpoints,
                [*callbacks, log, Progress(disable=self.worker > 0)],
                self.task.watch(samples),
                first_step,
            )

    def _schedule(self):
        periods = tuple(callback.every for callback in self.control.callbacks(self))
        return loop.Schedule(self.control.steps, self.config.log_every, periods)

    @property
    def columns(self):
        """Columns of the log for what `measures` returns."""
        names = (*self.task.logged, *self.task.backbone_measures)
        return [f"val_{name}" for name in names]

    def measures(self):
        """Returns what the log shows of the model now, a dict.

        Without held-out samples only the backbone is measured, if the task does that.
        """
        samples = self.parts.get("held_out")
        with averaged_weights(self.model, self.optimizer):
            found = self.task.measure_backbone(self.trained_backbone)
            if samples is not None:
                found |= self.task.measure(self.predict, samples, self.strategy)
        names = {name.removeprefix("val_") for name in self.columns}
        return {f"val_{name}": found[name] for name in found.keys() & names}

    def draw(self, step):
        """Draws predictions into `samples.png` and TensorBoard."""
        with averaged_weights(self.model, self.optimizer):
            picture = self.task.draw(self.predict, self.parts)
        if picture is not None:
            pictures.save_image(self.folder / "samples.png", picture)
            self.summaries.image("samples", picture, step)

    def keep_snapshot(self, step):
        """Saves the backbone of a step for good."""
        folder = self.folder / "snapshots"
        folder.mkdir(exist_ok=True)
        save_model(self.portable()[0], folder / f"backbone-{step:08d}.keras")

    def draw_curves(self, baselines=None):
        """Draws the columns of `log.csv` into `curves.png`."""
        log = self.folder / "log.csv"
        # Whatever has become of the file since.
        step_log.cut(log, self.control.steps)
        if log.exists():
            pictures.curves(log, self.folder / "curves.png", baselines)

    def portable(self, path=None):
        """Builds backbone and model as they are saved, computing in float32.

        Args:
            path: File of the model whose weights they get; None for the trained one,
                whose moving average is taken where there is one.

        Returns:
            A pair of models that share their layers.
        """
        with precision("float32"):
            backbone, model = self._build()
        with averaged_weights(self.model, self.optimizer):
            source = weights.read_model(path) if path else self.model
            model.set_weights(source.get_weights())
        return backbone, model
