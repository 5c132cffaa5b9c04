"""What tasks on labeled sets share: initial weights, and a part held out."""

import dataclasses
import os
from typing import ClassVar

import numpy as np

from selfsup import inference, networks, paths, runs
from selfsup.data.batching import reading_errors
from selfsup.settings import Config, setting
from selfsup.training.initial_backbone import freeze, initial_backbone, rebalanced
from selfsup.training.tasks.task import Task
from selfsup.weights import zoo

# Training batches that second moments are measured on.
_REBALANCING_BATCHES = 4


@dataclasses.dataclass(frozen=True)
class DownstreamEvaluationConfig(Config):
    """Options of evaluations on a labeled set."""

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
            trained: The `DownstreamConfig` of the run, or None.

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


class DownstreamTask(Task):
    """Base class of tasks that start from a given network.

    Args:
        config: A `DownstreamConfig`.
    """

    pretraining = False

    def __init__(self, config):
        super().__init__(config)
        self._initial, self._parts = None, {}

    def resolve(self, workdir=None):
        config = self.config
        if workdir is not None:
            config = self._prolonged(workdir)
        self.config = config = config.located()
        # Missing data are named before a network is built.
        for part in ("train", "test"):
            self.open(part)
        self._initial = initial_backbone(config, self.fc6_padding(config))
        description = networks.describe(self._initial)
        architecture = networks.ARCHITECTURES[description["network"]]
        config = config.resolved(
            description, architecture.crop_size, architecture.min_size
        )
        self.config = dataclasses.replace(config, init=_absolute_init(config.init))

    def _prolonged(self, workdir):
        """Returns the configuration of a run that may be resumed and prolonged."""
        config, done = self.config, runs.steps_done(workdir)
        if done > config.max_steps:
            raise ValueError(
                "The run is longer already. Expected --max_steps of at least the steps "
                f"done, {done}, another --workdir, or --overwrite. "
                f"Received: max_steps={config.max_steps}"
            )
        before = runs.read_settings(workdir / "config.json") or {}
        if config.eval_every is None and before.get("eval_every"):
            return dataclasses.replace(config, eval_every=before["eval_every"])
        return config

    def fc6_padding(self, config):
        """Returns the padding of fc6 that suits the size of the crops."""
        return "same"

    def open_split(self, split):
        """Opens a split of the labeled set."""

    def open(self, part):
        config = self.config
        if not self._parts:
            samples = self.open_split(config.train_split)
            train, held_out = split(samples, config.held_out, config.seed)
            self._parts = {"all": samples, "train": train, "held_out": held_out}
        if part == "test" and part not in self._parts:
            name = config.val_split
            self._parts[part] = None if name == "none" else self.open_split(name)
        return self._parts[part]

    def names(self, samples):
        return list(samples.names)

    def backbone(self, samples):
        freeze(self._initial, self.config.trainable)
        with reading_errors():
            batches = self.batches(self.open("all")).take(_REBALANCING_BATCHES)
            key = self._initial.input.name
            images = [inputs[key].numpy() for inputs, *_ in batches]
        return rebalanced(self._initial, images)

    def results(self, model, parts, strategy=None, journal=None):
        found = {"classes": list(parts["train"].classes)}
        if "test" in parts:
            found["split"] = self.config.val_split
            found |= self.report(model, parts["test"], strategy, journal)
        return found

    def report(self, model, samples, strategy, journal):
        """Returns the measures of a model on all samples, a dict."""

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


def _absolute_init(init):
    # As `runs.open_run` reads it: what exists as a path is one.
    if init in ("random", "imagenet"):
        return init
    path = paths.absolute(init)
    return init if init in zoo.names() and not os.path.exists(path) else path


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


def check_classes(run, samples):
    """Raises a ValueError unless a run was trained on the classes of a set."""
    inference.check_classes(run.model, samples)
    trained = (run.results or {}).get("classes")
    if trained is not None and trained != list(samples.classes):
        raise ValueError(
            "The data have other classes than the model was trained on. Expected "
            f"{', '.join(trained)}. Received: {', '.join(samples.classes)} in "
            f"{samples.folder}"
        )
