"""The two phases of a downstream run: search of a schedule, and its replay."""

import keras
from absl import logging

from selfsup import data, pictures, runs, weights
from selfsup.training.callbacks import Periodically, Progress, Summaries
from selfsup.training.checkpoints import Checkpoints, save_model
from selfsup.training.initialization import freeze
from selfsup.training.loop import LogRow, Schedule, Step, memory_advice, train
from selfsup.training.optimizers import CaffeSGD
from selfsup.training.plateau import Plateau, rate
from selfsup.training.strategies import precision, synchronized_normalization


class Phase:
    """Training of one model on one set of images, in one folder.

    Args:
        config: A resolved `VocConfig`.
        task: One of `voc_tasks.TASKS`.
        backbone: The backbone to start from; it is copied.
        samples: The training images.
        folder: Path of the folder.
        strategy: A `tf.distribute.Strategy`.
        steps: Greatest number of steps.
    """

    def __init__(self, config, task, backbone, samples, folder, strategy, steps):
        self.config, self.task, self.backbone = config, task, backbone
        self.samples, self.folder, self.strategy = samples, folder, strategy
        self.steps = steps
        # The same new weights and dropout in every phase and process.
        keras.utils.set_random_seed(config.seed)
        with strategy.scope(), precision(config.precision):
            _, self.model = self._build()
            self.optimizer = CaffeSGD(
                config.learning_rate,
                kernel_decay=config.weight_decay,
                bias_multiplier=1.0,
            )
            self.optimizer.build(self.model.trainable_variables)
        # Keras callbacks look for it there.
        self.model.optimizer = self.optimizer
        self.checkpoints = Checkpoints(
            folder / "checkpoints",
            self.model,
            self.optimizer,
            LogRow((*task.terms(), "loss")),
            config.checkpoint_seconds,
        )
        self.summaries = Summaries(folder / "tensorboard")

    def _build(self):
        backbone = weights.adapt(self.backbone)
        freeze(backbone, self.config.trainable)
        return backbone, self.task.model(backbone, len(self.samples.classes))

    def image_sets(self):
        """Returns the images that decide the run, by part."""
        return {"training": self.samples.names}

    def begin(self, first_step):
        """Takes the state of the phase up after a step."""

    def is_over(self, first_step):
        """Tells whether there is nothing left to do after a step."""
        return first_step >= self.steps

    def periodic(self):
        """Returns the callbacks at the ends of the evaluation periods."""
        return []

    def train(self):
        """Trains to the end of the phase, from the newest checkpoint on."""
        first_step = self.checkpoints.restore()
        runs.check_images(self.folder, self.image_sets(), first_step > 0)
        runs.cut_log(self.folder / "log.csv", first_step)
        self.begin(first_step)
        if first_step:
            logging.info("Resuming after step %d", first_step)
        if not self.is_over(first_step):
            self._train(first_step)
        self._draw_curves()

    def _train(self, first_step):
        config = self.config
        step = Step(
            self.model,
            self.optimizer,
            self.task.terms(),
            self.strategy,
            config.accumulation,
            config.jit,
            config.clip_norm,
        )
        with (
            memory_advice(config.batch_size, config.accumulation),
            synchronized_normalization(self.model, self.strategy),
            data.voc.reading_errors(),
        ):
            train(
                step,
                lambda start: self.task.batches(self.samples, start),
                Schedule(self.steps, config.log_every, (config.eval_every,)),
                self.checkpoints,
                [
                    *self.periodic(),
                    self.summaries,
                    keras.callbacks.CSVLogger(self.folder / "log.csv", append=True),
                    Progress(),
                ],
                first_step=first_step,
            )

    def _draw_curves(self):
        if (self.folder / "log.csv").exists():
            pictures.curves(self.folder / "log.csv", self.folder / "curves.png")

    def portable(self, weights_of=None):
        """Returns what is saved: backbone and model, computing in float32.

        Args:
            weights_of: The model whose weights they get; None for the trained.
        """
        with precision("float32"):
            backbone, model = self._build()
        model.set_weights((weights_of or self.model).get_weights())
        return backbone, model


class Search(Phase):
    """Finds the schedule by the plateau rule on held-out images.

    Args:
        held_out: The images that the rule looks at.
        *args: As in `Phase`.
    """

    def __init__(self, held_out, *args):
        super().__init__(*args)
        self.held_out = held_out
        self.predict = self.task.predictor(self.model)
        self.evaluations, self.state = [], Plateau()

    @property
    def _column(self):
        return f"val_{self.task.score_name}"

    def image_sets(self):
        return {**super().image_sets(), "held_out": self.held_out.names}

    def begin(self, first_step):
        before = runs.read_json(self.folder / "schedule.json") or {}
        # A run that was killed may have evaluated beyond its checkpoint; one that
        # is prolonged evaluated at its end, where a longer one would not have.
        self.evaluations = [
            (step, score)
            for step, score in before.get("evaluations", [])
            if step <= first_step
            and (step % self.config.eval_every == 0 or step == self.steps)
        ]
        self._follow(Plateau().after_all(self.evaluations), first_step)

    def is_over(self, first_step):
        return super().is_over(first_step) or self.state.finished

    def periodic(self):
        config = self.config
        return [
            Periodically(config.eval_every, self.steps, self._evaluate, [self._column]),
            Periodically(config.eval_every, self.steps, self._draw),
        ]

    def _evaluate(self, step):
        score = self.task.score(self.predict, self.held_out, self.strategy)
        self.evaluations.append((step, score))
        before = self.state
        self._follow(before.after(step, score), step)
        if self.state.best_step == step:
            self._keep_best(step, before.best_step)
        if len(self.state.drops) > len(before.drops):
            logging.info("Step %d: no progress, learning rate x0.1", step)
        if self.state.finished:
            logging.info("Step %d: no progress, the end", step)
            self.model.stop_training = True
        runs.write_json(self.folder / "schedule.json", self.schedule())
        return {self._column: score}

    def _follow(self, state, step):
        self.state = state
        self.optimizer.learning_rate = rate(
            self.config.learning_rate, state.drops, step
        )

    def _keep_best(self, step, previous):
        path = self._best_path(step)
        path.parent.mkdir(exist_ok=True)
        save_model(self.model, path)
        # The one before belongs to the newest checkpoint until there is another.
        kept = path, self._best_path(previous)
        for older in path.parent.glob("*.keras"):
            if older not in kept:
                older.unlink()
        self.checkpoints.save_next()

    def _best_path(self, step):
        return self.folder / "best" / f"{step:08d}.keras"

    def _draw(self, step):
        sheet = self.task.sheet(self.predict, self.held_out)
        if sheet is not None:
            pictures.save_image(self.folder / "samples.png", sheet)
            self.summaries.image("samples", sheet, step)

    def schedule(self):
        """Returns what `schedule.json` holds."""
        state = self.state
        return {
            "learning_rate": self.config.learning_rate,
            "eval_every": self.config.eval_every,
            "score": self.task.score_name,
            "drops": list(state.drops),
            "best_step": state.best_step,
            "best_score": state.best_score,
            "finished": state.finished,
            "evaluations": self.evaluations,
        }

    def best(self):
        """Returns the backbone and the model of the best evaluation."""
        path = self._best_path(self.state.best_step)
        return self.portable(weights.read_model(path))


class Replay(Phase):
    """Trains by a schedule that was found before, to its best step.

    Args:
        state: The `Plateau` at the end of the search.
        *args: As in `Phase`, without `steps`.
    """

    def __init__(self, state, *args):
        super().__init__(*args, state.best_step)
        self.state = state

    def begin(self, first_step):
        self._follow(first_step)

    def periodic(self):
        return [Periodically(self.config.eval_every, self.steps, self._follow)]

    def _follow(self, step):
        self.optimizer.learning_rate = rate(
            self.config.learning_rate, self.state.drops, step
        )
