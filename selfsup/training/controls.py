"""What ends a run and sets its learning rate."""

from absl import logging

from selfsup import runs
from selfsup.training.callbacks import Periodically
from selfsup.training.checkpoints import save_model
from selfsup.training.optimizers import CaffeSGD, make_optimizer
from selfsup.training.plateau import Plateau, rate


class FixedLength:
    """Trains for a number of steps; the rate follows a schedule.

    Args:
        steps: Length of the run.
    """

    def __init__(self, steps):
        self.steps = steps

    def optimizer(self, config):
        """Builds the optimizer that a `PretrainingConfig` describes."""
        return make_optimizer(config, self.steps)

    def begin(self, phase, first_step):
        """Restores the state of the control as of a step."""

    def is_over(self, step):
        """Returns whether there is nothing left to do after a step."""
        return step >= self.steps

    def callbacks(self, phase):
        """Returns the callbacks of a phase at the ends of periods."""
        config = phase.config
        return [
            Periodically(
                config.eval_every,
                self.steps,
                lambda step: phase.measures(),
                phase.columns,
            ),
            Periodically(config.eval_every, self.steps, phase.draw),
            Periodically(config.keep_every, 0, phase.keep_snapshot),
        ]


class PlateauSearch:
    """Lowers the rate where the held-out score stops improving, and ends the run.

    The evaluations and what followed from them are in `schedule.json`, the models
    of the newest best evaluations in `best/`.

    Args:
        steps: Greatest number of steps.
    """

    def __init__(self, steps):
        self.steps = steps
        self.evaluations, self.state = [], Plateau()

    def optimizer(self, config):
        """Builds the optimizer that a `DownstreamConfig` describes."""
        return CaffeSGD(
            config.learning_rate, kernel_decay=config.weight_decay, bias_multiplier=1.0
        )

    def begin(self, phase, first_step):
        """Restores the evaluations up to a step from `schedule.json`."""
        before = runs.read_json(phase.folder / "schedule.json") or {}
        # A run that was killed may have evaluated beyond its checkpoint; one that
        # is prolonged evaluated at its end, where a longer one would not have.
        self.evaluations = [
            (step, score)
            for step, score in before.get("evaluations", [])
            if step <= first_step
            and (step % phase.config.eval_every == 0 or step == self.steps)
        ]
        self._follow(phase, Plateau().after_all(self.evaluations), first_step)

    def is_over(self, step):
        """Returns whether there is nothing left to do after a step."""
        return step >= self.steps or self.state.finished

    def callbacks(self, phase):
        """Returns the callbacks of a phase at the ends of periods."""
        every = phase.config.eval_every
        return [
            Periodically(
                every,
                self.steps,
                lambda step: self._evaluate(phase, step),
                phase.columns,
            ),
            Periodically(every, self.steps, phase.draw),
        ]

    def _evaluate(self, phase, step):
        measures = phase.measures()
        score = measures[f"val_{phase.task.score}"]
        self.evaluations.append((step, score))
        before = self.state
        self._follow(phase, before.after(step, score), step)
        if self.state.best_step == step:
            self._keep_best(phase, step, before.best_step)
        if len(self.state.drops) > len(before.drops):
            logging.info("Step %d: no progress, learning rate x0.1", step)
        if self.state.finished:
            logging.info("Step %d: no progress, the end", step)
            phase.model.stop_training = True
        runs.write_json(phase.folder / "schedule.json", self.schedule(phase))
        return measures

    def _follow(self, phase, state, step):
        self.state = state
        phase.optimizer.learning_rate = rate(
            phase.config.learning_rate, state.drops, step
        )

    def _keep_best(self, phase, step, previous):
        path = self.best_path(phase.folder, step)
        path.parent.mkdir(exist_ok=True)
        save_model(phase.model, path)
        # The one before belongs to the newest checkpoint until there is another.
        kept = path, self.best_path(phase.folder, previous)
        for older in path.parent.glob("*.keras"):
            if older not in kept:
                older.unlink()
        phase.checkpoints.save_next()

    def best_path(self, folder, step=None):
        """Returns the path of the model of an evaluation; None for the best one."""
        step = self.state.best_step if step is None else step
        return folder / "best" / f"{step:08d}.keras"

    def schedule(self, phase):
        """Returns what `schedule.json` holds, a dict."""
        state = self.state
        return {
            "learning_rate": phase.config.learning_rate,
            "eval_every": phase.config.eval_every,
            "score": phase.task.score,
            "drops": list(state.drops),
            "best_step": state.best_step,
            "best_score": state.best_score,
            "finished": state.finished,
            "evaluations": self.evaluations,
        }


class Replay:
    """Trains by a schedule that a search found, up to its best step.

    Args:
        state: The `Plateau` at the end of the search.
    """

    def __init__(self, state):
        self.state, self.steps = state, state.best_step

    optimizer = PlateauSearch.optimizer

    def begin(self, phase, first_step):
        """Sets the rate of the steps that follow."""
        self._follow(phase, first_step)

    def is_over(self, step):
        """Returns whether there is nothing left to do after a step."""
        return step >= self.steps

    def callbacks(self, phase):
        """Returns the callbacks of a phase at the ends of periods."""
        return [
            Periodically(
                phase.config.eval_every,
                self.steps,
                lambda step: self._follow(phase, step),
            )
        ]

    def _follow(self, phase, step):
        phase.optimizer.learning_rate = rate(
            phase.config.learning_rate, self.state.drops, step
        )
