"""A recipe: the settings of a run, and the run whose weights it starts from."""

import dataclasses
import functools
import hashlib
import json

from selfsup import runs
from selfsup.evaluation.journal import fingerprint
from selfsup.training import tasks


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A run that a number of a table takes.

    Attributes:
        task: Name of the task.
        settings: Dict of the settings that differ from the task's defaults, without
            paths of data.
        start: The `Recipe` of the run whose backbone this one starts from; None for
            the task's own start.
    """

    task: str
    settings: dict
    start: "Recipe | None" = None

    @property
    def chain(self):
        """The recipes that the run takes, in their order; itself is the last."""
        before = self.start.chain if self.start else ()
        return (*before, self)

    @property
    def digest(self):
        """Equal for equal settings but for the seed of the last run.

        Weights that a run starts from count as what they are, wherever they lie.
        """
        about = []
        for recipe in self.with_seed(0).chain:
            settings = dict(recipe.settings)
            init = settings.get("init", "random")
            if init not in ("random", "imagenet"):
                settings["init"] = _digest_of_weights(init)
            about.append([recipe.task, settings])
        text = json.dumps(about, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def name(self):
        """Name of the run's folder; it does not depend on where the data are."""
        return f"{self.task}-{self.digest}-{self.settings.get('seed', 0)}"

    def config(self, paths, init=None):
        """Returns the configuration of the run.

        Args:
            paths: Dict of the fields that say where the data are.
            init: What the run starts from, a path or a name; None for the settings'.

        Raises:
            ValueError: If a setting is out of its range or unknown.
        """
        config = tasks.get(self.task).Config
        values = {**self.settings, **paths}
        if init is not None:
            values["init"] = init
        if "preset" in values:
            return config.from_preset(**values)
        return config.from_values(values)

    def with_seed(self, seed):
        """Returns the same recipe with another seed of its last run."""
        return dataclasses.replace(self, settings={**self.settings, "seed": seed})


@functools.cache
def _digest_of_weights(init):
    return fingerprint(runs.open_run(init).model)
