"""What tasks on labeled sets share: initial weights, and the report."""

import dataclasses
import os

from selfsup import inference, networks, paths, runs
from selfsup.data.batching import reading_errors
from selfsup.training.initial_backbone import freeze, initial_backbone, rebalanced
from selfsup.training.tasks.task import Task
from selfsup.weights import zoo

# Training batches that second moments are measured on.
_REBALANCING_BATCHES = 4


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

    @property
    def has_fixed_length(self):
        return self.config.has_fixed_length

    def fc6_padding(self, config):
        """Returns the padding of fc6 that suits the size of the crops."""
        return "same"

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
            found |= self.report(model, parts["test"], strategy, journal)
        held_out = parts.get("held_out")
        if self.has_fixed_length and held_out is not None:
            # A search has measured them already.
            measured = self.measure(self.predictor(model), held_out)
            name = f"held_out_{self.score}"
            found[name] = measured[self.score]
            found[f"{name}_baseline"] = self.score_baseline(held_out)
        return found

    def report(self, model, samples, strategy, journal):
        """Returns the measures of a model on all samples, a dict."""


def fc6_of_whole_crops(config):
    """Returns the padding with which fc6 sees a whole crop, where it is large enough.

    Args:
        config: A `DownstreamConfig`.
    """
    small = config.crop_size is not None and config.crop_size < 224
    return "same" if small else "valid"


def _absolute_init(init):
    # As `runs.open_run` reads it: what exists as a path is one.
    if init in ("random", "imagenet"):
        return init
    path = paths.absolute(init)
    return init if init in zoo.names() and not os.path.exists(path) else path


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
