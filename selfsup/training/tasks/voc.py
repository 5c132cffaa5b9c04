"""What tasks on VOC share: splits, of which one is divided in two."""

import dataclasses
from typing import ClassVar

import numpy as np

from selfsup.settings import Config, setting
from selfsup.training.tasks.downstream import DownstreamTask, check_classes


@dataclasses.dataclass(frozen=True)
class VocEvaluationConfig(Config):
    """Options of evaluations on VOC."""

    default_split: ClassVar[str]
    required: ClassVar[tuple[str, ...]] = ("voc_dir",)

    voc_dir: str | None = setting(
        None, "Data to evaluate on. Default: the run's.", path=True
    )
    split: str | None = setting(
        None, "Images to evaluate on. Default: the run's --val_split."
    )

    def completed(self, trained):
        """Fills in what a finished run decides.

        Args:
            trained: The `VocConfig` of the run, or None.

        Returns:
            An instance of this class.

        Raises:
            ValueError: If it is not known what to evaluate on.
        """
        fields = {"split": self.default_split}
        if trained is not None:
            shared = vars(self).keys() & vars(trained).keys()
            fields |= {name: getattr(trained, name) for name in shared}
            if trained.val_split != "none":
                fields["split"] = trained.val_split
        fields = {n: value for n, value in fields.items() if getattr(self, n) is None}
        completed = dataclasses.replace(self, **fields)
        missing = [name for name in self.required if getattr(completed, name) is None]
        if missing:
            raise ValueError(
                "There is no config.json beside the model that says how to evaluate "
                f"it. Expected --{' and --'.join(missing)}. Received: none"
            )
        return completed


class VocTask(DownstreamTask):
    """Base class of tasks on VOC.

    Args:
        config: A `VocConfig`.
    """

    def open_split(self, split):
        """Opens a split of the labeled set."""

    def open(self, part):
        config = self.config
        if not self._parts:
            samples = self.open_split(config.train_split)
            train, held_out = samples, None
            if config.held_out:
                train, held_out = split(samples, config.held_out, config.seed)
            self._parts = {"all": samples, "train": train, "held_out": held_out}
        if part == "test" and part not in self._parts:
            name = config.val_split
            self._parts[part] = None if name == "none" else self.open_split(name)
        return self._parts[part]

    def names(self, samples):
        return list(samples.names)

    def results(self, model, parts, strategy=None, journal=None):
        found = super().results(model, parts, strategy, journal)
        return {"split": self.config.val_split, **found} if "test" in parts else found

    @classmethod
    def for_evaluation(cls, run, options):
        trained = cls.config_of(run)
        options = options.completed(trained)
        config = trained or cls.Config(voc_dir=options.voc_dir)
        # What is given for the evaluation wins over what the run was given.
        shared = vars(options).keys() & vars(config).keys()
        fields = {name: getattr(options, name) for name in shared}
        task = cls(dataclasses.replace(config, **fields))
        samples = task.open_split(options.split)
        check_classes(run, samples)
        return task, samples, options


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
