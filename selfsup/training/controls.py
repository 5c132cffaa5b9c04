"""What ends a run and sets its learning rate."""

import functools

from absl import logging

from selfsup import runs
from selfsup.training.callbacks import Periodically
from selfsup.training.checkpoints import save_model
from selfsup.training.optimizers import CaffeSGD, make_optimizer
from selfsup.training.plateau import Plateau, rate


class Control:
    """Base class of controls: measures and draws at regular steps.

    Args:
        steps: Length of the run, or its limit.
    """

    def __init__(self, steps):
        self.steps = steps

    def optimizer(self, config):
        """Builds the optimizer that a `RunConfig` describes."""

    def begin(self, phase, first_step):
        """Restores the state of the control as of a step."""

    def is_over(self, step):
        """Returns whether there is nothing left to do after a step."""
        return step >= self.steps

    def evaluate(self, phase, step):
        """Measures the model after a step; returns what the log shows, a dict."""
        return phase.measures()

    def callbacks(self, phase):
        """Returns the callbacks of a phase at the ends of periods."""
        every = phase.config.eval_every
        evaluate = functools.partial(self.evaluate, phase)
        return [
            Periodically(every, self.steps, evaluate, phase.columns),
            Periodically(every, self.steps, phase.draw),
        ]


class FixedLength(Control):
    """Trains for a number of steps; the rate follows a schedule.

    Args:
        steps: Length of the run.
    """

    def optimizer(self, config):
        return make_optimizer(config, self.steps)

    def callbacks(self, phase):
        snapshots = Periodically(phase.config.keep_every, 0, phase.keep_snapshot)
        return [*super().callbacks(phase), snapshots]


class _Drops(Control):
    """Base class of controls that lower the rate where a `Plateau` says so."""

    def __init__(self, steps, state):
        super().__init__(steps)
        self.state = state

    def optimizer(self, config):
        return CaffeSGD(
            config.learning_rate, kernel_decay=config.weight_decay, bias_multiplier=1.0
        )

    def _set_rate(self, phase, step):
        phase.optimizer.learning_rate = rate(
            phase.config.learning_rate, self.state.drops, step
        )


class PlateauSearch(_Drops):
    """Lowers the rate where the held-out score stops improving, and ends the run.

    The evaluations, the rule and what followed from them are in `schedule.json`, the
    models of the newest best evaluations in `best/`.

    Args:
        steps: Greatest number of steps.
    """

    def __init__(self, steps):
        super().__init__(steps, Plateau())
        self.evaluations = []

    def begin(self, phase, first_step):
        before = runs.read_json(phase.folder / "schedule.json") or {}
        # A run that was killed may have evaluated beyond its checkpoint; one that
        # is prolonged evaluated at its end, where a longer one would not have.
        self.evaluations = [
            (step, score)
            for step, score in before.get("evaluations", [])
            if step <= first_step
            and (step % phase.config.eval_every == 0 or step == self.steps)
        ]
        rule = self._rule(phase, before if first_step else {})
        self.state = rule.after_all(self.evaluations)
        self._set_rate(phase, first_step)

    def _rule(self, phase, before):
        """Returns the `Plateau` at the start: that of the schedule, if any."""
        config = phase.config
        # Every evaluation counted where the schedule does not say: the rate may have
        # fallen already.
        min_steps = before.get("min_steps", 0)
        if not before:
            # A run that is stuck then has its first drop near that of the authors,
            # 22,500 of 40,000 steps, and still ends by the rule.
            half = self.steps // 2
            min_steps = half if config.min_steps is None else config.min_steps
        baseline = before.get("baseline")
        if baseline is None:
            baseline = phase.task.score_baseline(phase.parts["held_out"])
        return Plateau(config.patience, baseline=baseline, min_steps=min_steps)

    def is_over(self, step):
        return super().is_over(step) or self.state.finished

    def evaluate(self, phase, step):
        measures = phase.measures()
        score, before = measures[f"val_{phase.task.score}"], self.state
        self.evaluations.append((step, score))
        self.state = before.after(step, score)
        self._set_rate(phase, step)
        if self.state.best_step == step:
            self._keep_best(phase, before.best_step)
        if len(self.state.drops) > len(before.drops):
            logging.info("Step %d: no progress, learning rate x0.1", step)
        if self.state.finished:
            logging.info("Step %d: no progress, the end", step)
            phase.model.stop_training = True
        runs.write_json(phase.folder / "schedule.json", self.schedule(phase))
        return measures

    def _keep_best(self, phase, previous):
        path = self.best_path(phase.folder)
        path.parent.mkdir(exist_ok=True)
        save_model(phase.model, path)
        # The one before belongs to the newest checkpoint until there is another.
        kept = path, self.best_path(phase.folder, previous)
        for older in set(path.parent.glob("*.keras")).difference(kept):
            older.unlink()
        phase.checkpoints.save_next()

    def best_path(self, folder, step=None):
        """Returns the path of the model of an evaluation; None for the best one."""
        step = self.state.best_step if step is None else step
        return folder / "best" / f"{step:08d}.keras"

    def schedule(self, phase):
        """Returns what `schedule.json` holds, a dict."""
        return {
            "learning_rate": phase.config.learning_rate,
            "eval_every": phase.config.eval_every,
            "score": phase.task.score,
            "baseline": self.state.baseline,
            "min_steps": self.state.min_steps,
            "drops": list(self.state.drops),
            "best_step": self.state.best_step,
            "best_score": self.state.best_score,
            "finished": self.state.finished,
            "evaluations": self.evaluations,
        }


class Replay(_Drops):
    """Trains by a schedule that a search found, up to its best step.

    Args:
        state: The `Plateau` at the end of the search.
    """

    def __init__(self, state):
        super().__init__(state.best_step, state)

    def begin(self, phase, first_step):
        self._set_rate(phase, first_step)

    def callbacks(self, phase):
        set_rate = functools.partial(self._set_rate, phase)
        return [Periodically(phase.config.eval_every, self.steps, set_rate)]
