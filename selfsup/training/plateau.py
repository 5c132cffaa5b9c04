"""When to lower the learning rate and when to stop: the plateau rule."""

import dataclasses
import math

# Share of the way from the baseline to a perfect score that a score must have come to
# have left it. Stray pixels of a second class and luck in a ranking move a score too;
# a margin that is too wide costs some steps, one that is too narrow the run.
_MARGIN = 0.01


@dataclasses.dataclass(frozen=True)
class Plateau:
    """The state of the rule: a pure function of the scores so far.

    A score that does not improve on the best for `patience` evaluations counts
    as stopped: the rate falls to a tenth, and the `max_drops + 1`-th time the run
    ends (the paper's early stopping). The weights of the best evaluation are the
    result. An evaluation without a new best counts only where some evaluation has left
    the baseline, or after `min_steps`: a score that is still that of a constant
    prediction says nothing about the rate.

    Args:
        patience: Evaluations without a new best that count as stopped.
        max_drops: Number of times that the rate is lowered.
        baseline: Score of the best prediction that does not look at the image; a
            perfect one is 1.
        min_steps: Steps from which every evaluation counts.
        best_score: Best score so far; negative infinity at the start.
        best_step: Step of the best score, 0 at the start.
        waited: Evaluations since the last new best or drop.
        drops: Steps after which the rate was lowered.
        finished: Whether the run ends here.

    Example:

    >>> state = Plateau()
    >>> for step, score in ((10, 0.3), (20, 0.2), (30, 0.3), (40, 0.1)):
    ...     state = state.after(step, score)
    >>> state.best_step, state.drops, state.finished
    (10, (40,), False)
    """

    patience: int = 3
    max_drops: int = 2
    baseline: float = 0.0
    min_steps: int = 0
    best_score: float = -math.inf
    best_step: int = 0
    waited: int = 0
    drops: tuple[int, ...] = ()
    finished: bool = False

    def __post_init__(self):
        for name, least in (("patience", 1), ("max_drops", 0), ("min_steps", 0)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"Argument `{name}` must be at least {least}. "
                    f"Received: {name}={getattr(self, name)}"
                )

    @property
    def has_left_baseline(self):
        """Whether a score so far is clearly above the baseline."""
        # The best score never falls, so what has left it stays so.
        return self.best_score > self.baseline + _MARGIN * (1 - self.baseline)

    def after(self, step, score):
        """Returns the state after one more evaluation.

        Args:
            step: Number of steps done, more than at the last evaluation.
            score: The validation score, higher is better. NaN is no new best.

        Returns:
            A `Plateau`. After the end nothing changes any more.
        """
        if self.finished:
            return self
        if score > self.best_score:
            return dataclasses.replace(self, best_score=score, best_step=step, waited=0)
        if step < self.min_steps and not self.has_left_baseline:
            return self
        if self.waited + 1 < self.patience:
            return dataclasses.replace(self, waited=self.waited + 1)
        if len(self.drops) < self.max_drops:
            return dataclasses.replace(self, waited=0, drops=(*self.drops, step))
        return dataclasses.replace(self, waited=self.patience, finished=True)

    def after_all(self, evaluations):
        """Returns the state after a sequence of pairs `(step, score)`."""
        state = self
        for step, score in evaluations:
            state = state.after(step, score)
        return state


def rate(learning_rate, drops, step):
    """Returns the learning rate of the steps that follow `step`.

    Args:
        learning_rate: Rate at the start.
        drops: Steps after which it was lowered to a tenth.
        step: Number of steps done.
    """
    return learning_rate * 0.1 ** sum(drop <= step for drop in drops)
