"""Tasks of eleven parameters: the engine of training without images or networks.

Samples are numbers, a batch is a pure function of the step, and the network is one
layer of two units under another of one. `heads.kind` takes it for a classifier.
"""

import csv
import dataclasses

import keras
import numpy as np
import tensorflow as tf

from selfsup.settings import Config
from selfsup.training.downstream_config import DownstreamConfig
from selfsup.training.phases import Phase
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.step import WeightedLoss
from selfsup.training.tasks.task import Task

# Held-out scores of a search. By hand: new bests at 1 and 5; after each third
# evaluation without one the rate falls, at 4 and 8, and the third time, at 11, the
# run ends.
SCORES = dict(
    enumerate((0.1, 0.05, 0.1, 0.0, 0.3, 0.2, 0.3, 0.2, 0.1, 0.1, 0.1, 0.9), 1)
)
BEST, DROPS, END = 5, (4, 8), 11


class Numbers:
    """A set of samples: rows of three numbers, and what follows from them.

    Args:
        count: Number of samples.
        first: Number in the first one's name; others have other values.
    """

    def __init__(self, count, first=0):
        self.first = first
        rows = np.random.default_rng(7).normal(size=(first + count, 3))
        self.values = rows[first:].astype(np.float32)
        self.targets = self.values @ np.float32([[1.0], [-2.0], [0.5]]) + 1

    def __len__(self):
        return len(self.values)

    def name(self, index):
        """Returns the name of a sample."""
        return f"number {self.first + index}"


def network(dropout=0.0, normalized=False):
    """Builds a backbone of eight parameters."""
    x = inputs = keras.Input((3,), name="gray")
    x = keras.layers.Dense(2, name="fc")(x)
    if normalized:
        x = keras.layers.BatchNormalization(-1, 0.9, center=False, scale=False)(x)
    x = keras.layers.Dropout(dropout, name="drop")(x)
    return keras.Model(inputs, x)


@dataclasses.dataclass(frozen=True)
class EvaluationConfig(Config):
    """No options."""


class _Toy(Task):
    """What both tasks share.

    Args:
        config: An instance of `Config`.
        stops: Pairs of a moment, `"step"`, `"measure"` or `"draw"`, and a step: there
            the run is interrupted, each time once.
        parts: Dict from parts to samples.
        picture: What `draw` returns.
        status: Whether batches have a status.

    Attributes:
        constant: What `score_baseline` returns.
        seen: Dict from steps to the weights at which they were measured.
        indices: Numbers of the samples that were trained on, in order.
    """

    kind, score = "classifier", "score"
    EvaluationConfig = EvaluationConfig
    constant = -1.0

    def __init__(self, config, stops=(), parts=None, picture=None, status=True):
        super().__init__(config)
        self.stops, self.picture, self.status = set(stops), picture, status
        self.seen, self.indices, self.trained = {}, [], 0
        self.parts = parts or {
            "train": Numbers(8),
            "held_out": Numbers(4, first=8),
            "all": Numbers(12),
        }

    def _pass(self, moment, step):
        if (moment, step) in self.stops:
            self.stops.remove((moment, step))
            raise InterruptedError(f"{moment} {step}")

    def open(self, part):
        return self.parts.get(part)

    def backbone(self, samples):
        return network(self.config.dropout)

    def copy(self, backbone):
        copied = network(backbone.get_layer("drop").rate, len(backbone.layers) > 3)
        copied.set_weights(backbone.get_weights())
        for ours, given in zip(copied.layers, backbone.layers, strict=True):
            ours.trainable = given.trainable
        return copied

    def model(self, backbone, samples):
        output = keras.layers.Dense(1, name="prediction", dtype="float32")
        outputs = {"classes": output(backbone.output)}
        return keras.Model({"gray": backbone.input}, outputs)

    def losses(self, model, samples):
        return {"classes": WeightedLoss(keras.losses.MeanSquaredError(), 0.5)}

    def batches(self, samples, start=0, shard=(0, 1)):
        worker, workers = shard
        size, seed, count = self.config.batch_size, self.config.seed, len(samples)
        values = tf.constant(samples.values)
        targets = tf.constant(samples.targets)
        self.trained = start

        def batch(step):
            index = tf.random.stateless_uniform(
                [size], (seed, step), maxval=count, dtype=tf.int64
            )
            index = tf.split(index, workers)[worker]
            chosen = (
                {"gray": tf.gather(values, index)},
                {"classes": tf.gather(targets, index)},
                {"classes": tf.abs(tf.gather(values[:, 0], index))},
            )
            status = {"index": index, "status": tf.zeros_like(index, tf.int8)}
            return (*chosen, status) if self.status else chosen

        return tf.data.Dataset.counter(start).map(batch)

    def watch(self, samples):
        def look(status):
            self.indices += status["index"].tolist()
            self.trained += len(status["index"]) // self.config.batch_size
            self._pass("step", self.trained)

        return look

    def predictor(self, model):
        return model

    def measure(self, predict, samples, strategy=None):
        step = _steps(predict)
        self._pass("measure", step)
        self.seen[step] = predict.get_weights()
        return self.scores(predict, samples, step)

    def scores(self, predict, samples, step):
        """Returns the measures of a step."""
        error = predict({"gray": samples.values})["classes"] - samples.targets
        return {"score": -float(tf.reduce_mean(error**2))}

    def score_baseline(self, samples):
        return self.constant

    def draw(self, predict, parts):
        self._pass("draw", _steps(predict))
        return self.picture

    def results(self, model, parts, strategy=None, journal=None):
        return {"samples": {part: len(samples) for part, samples in parts.items()}}


def _steps(model):
    """Returns the number of updates; with replicas it is a variable on each."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


class ToyPretraining(_Toy):
    """A task of fixed length, measured by the mean squared error."""

    name, pretraining = "toy_pretraining", True
    Config = PretrainingConfig


class Normalized(ToyPretraining):
    """One with batch normalization."""

    def backbone(self, samples):
        return network(self.config.dropout, normalized=True)


class ToySearch(_Toy):
    """A task of a plateau search, whose scores are given."""

    name, pretraining = "toy_search", False
    Config = DownstreamConfig

    def scores(self, predict, samples, step):
        return {"score": SCORES[step]}


def pretraining(steps=30, **changes):
    """Settings of a run of fixed length with everything that has a state.

    It is long enough for an average of the weights: of a twentieth of the run.
    """
    fields = dict(batch_size=4, dropout=0.5, learning_rate=5e-3, ema=0.75, steps=steps)
    fields |= dict(log_every=7, eval_every=10, keep_every=12, warmup=0.2)
    return PretrainingConfig(**{**fields, **changes})


def search(**changes):
    """Settings of a search that evaluates after every step."""
    fields = dict(batch_size=4, dropout=0.5, learning_rate=0.01)
    fields |= dict(eval_every=1, log_every=1, weight_decay=0.1, max_steps=24)
    return DownstreamConfig(**{**fields, **changes})


def phase(task, control, folder, strategy=None):
    """Builds a phase of a toy task with the same backbone every time."""
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(1)
    backbone = task.backbone(task.parts["train"])
    parts = {part: task.parts[part] for part in ("train", "held_out")}
    strategy = strategy or tf.distribute.get_strategy()
    return Phase(task, control, backbone, parts, folder, strategy)


def log(folder):
    """Returns the rows of `log.csv` as dicts of floats, without the speed."""
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        # Keras adds columns of NA where there is no validation.
        {name: float(row[name].replace("NA", "nan")) for name in row}
        for row in rows
        if row.pop("steps_per_second")
    ]


def assert_same(first, second):
    """Compares two lists of arrays bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
