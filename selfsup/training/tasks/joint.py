"""Colorization together with a second proxy task, on one backbone."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import keras
import tensorflow as tf

from selfsup.settings import setting
from selfsup.training.tasks.colorization import Colorization, ColorizationConfig
from selfsup.training.tasks.jigsaw import Jigsaw, JigsawConfig
from selfsup.training.tasks.rotation import Rotation


@dataclasses.dataclass(frozen=True)
class JointConfig(ColorizationConfig):
    """Settings of pretraining by colorization and a second task."""

    second_weight: float = setting(
        1.0,
        "Factor on the second task's loss. Colorization's counts as it does alone.",
        1e-6,
        1e6,
    )


class _Predictor(NamedTuple):
    """Compiled models: those of a `ColorizerPredictor`, and the second task's."""

    points: Callable
    dense: Callable
    second: Callable


class _Second(keras.layers.Layer):
    """The second task's model, with running statistics of its own.

    Normalized patches have others than whole crops: a mean of both would fit neither,
    and the colorizer is to be used by its own.

    Args:
        model: A model that shares the backbone.
    """

    def __init__(self, model):
        super().__init__(name="second")
        self.model = model
        self._shared = [x for x in model.weights if x.name.startswith("moving_")]
        self._own = [
            self.add_weight(
                shape=x.shape,
                initializer="ones" if x.name == "moving_variance" else "zeros",
                trainable=False,
                autocast=False,
                name=x.name,
            )
            for x in self._shared
        ]

    def call(self, inputs, training=None):
        if not training:
            return self.model(inputs, training=False)
        with self.own_statistics():
            return self.model(inputs, training=True)

    @contextlib.contextmanager
    def own_statistics(self):
        """Puts the statistics of this task in place of the colorizer's."""
        # Not `convert_to_tensor`, which returns the variable itself.
        before = [tf.identity(x.value) for x in self._shared]
        _assign(self._shared, self._own)
        try:
            yield
        finally:
            _assign(self._own, self._shared)
            _assign(self._shared, before)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(tf.identity(getattr(value, "value", value)))


class Joint(Colorization):
    """Colorization and a second proxy task, each with its head on the same backbone.

    Both tasks see the same images in the same order, in crops of their own. What is
    saved is a colorizer: the second head is for training only.

    Args:
        config: A `JointConfig` with the fields of the second task.

    Attributes:
        second: Class of the second task. Its inputs, outputs and measures have its
            name before their own, such as `rotation_label`.
    """

    second: ClassVar[type]

    def __init__(self, config):
        super().__init__(config)
        self._second = self._make_second()

    def _make_second(self):
        names = [field.name for field in dataclasses.fields(self.second.Config)]
        values = {name: getattr(self.config, name) for name in names}
        # One probe of the backbone is enough.
        values["probe_data"] = None
        task = self.second(self.second.Config(**values))
        # One watch counts for both.
        task._watches = self._watches
        return task

    def _named(self, values):
        return {f"{self.second.name}_{name}": value for name, value in values.items()}

    @property
    def logged(self):
        return (*super().logged, *self._named(dict.fromkeys(self._second.logged)))

    def resolve(self, workdir=None):
        super().resolve(workdir)
        self._second = self._make_second()

    def check_training(self, samples):
        super().check_training(samples)
        self._second.check_training(samples)

    def model(self, backbone, samples):
        first = super().model(backbone, samples)
        second = _Second(self._second.model(backbone, samples))
        inputs = {name: _like(x, name) for name, x in first.input.items()}
        others = {
            name: _like(x, f"{self.second.name}_{name}")
            for name, x in second.model.input.items()
        }
        outputs = {**first(inputs), **self._named(second(others))}
        return keras.Model({**inputs, **self._named(others)}, outputs, name="joint")

    def product(self, model):
        return model.get_layer(Colorization.kind)

    def losses(self, model, samples):
        factor = self.config.second_weight
        others = self._second.losses(model.get_layer("second").model, samples)
        others = {
            name: one._replace(weight=factor * one.weight)
            for name, one in others.items()
        }
        return {
            **super().losses(self.product(model), samples),
            **self._named(others),
        }

    def batches(self, samples, start=0, shard=(0, 1)):
        def joined(first, second):
            *parts, status = first
            pairs = zip(parts, second, strict=False)
            # Of the same images: the colorizer's status says more.
            return *({**one, **self._named(other)} for one, other in pairs), status

        tasks = super(), self._second
        streams = tuple(task.batches(samples, start, shard) for task in tasks)
        return tf.data.Dataset.zip(streams).map(joined)

    def predictor(self, model):
        layer = model.get_layer("second")
        predict = self._second.predictor(layer.model)

        def second(inputs):
            with layer.own_statistics():
                return predict(inputs)

        return _Predictor(*super().predictor(self.product(model)), second)

    def measure(self, predict, samples, strategy=None, **options):
        others = self._second.measure(predict.second, samples, strategy, **options)
        found = super().measure(predict, samples, strategy, **options)
        return {**found, **self._named(others)}

    @classmethod
    def for_evaluation(cls, run, options):
        # What was saved is that of colorization alone.
        names = {field.name for field in dataclasses.fields(Colorization.Config)}
        settings = {x: y for x, y in run.settings.items() if x in names}
        return Colorization.for_evaluation(run._replace(settings=settings), options)


def _like(tensor, name):
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


@dataclasses.dataclass(frozen=True)
class ColorizationRotationConfig(JointConfig):
    """Settings of pretraining by colorization and rotation."""


class ColorizationRotation(Joint):
    """Colorization, and rotation of other crops.

    Args:
        config: A `ColorizationRotationConfig`.
    """

    name, second = "colorization+rotation", Rotation
    Config = ColorizationRotationConfig


@dataclasses.dataclass(frozen=True)
class ColorizationJigsawConfig(JointConfig, JigsawConfig):
    """Settings of pretraining by colorization and jigsaw puzzles.

    `hidden` and `dropout` are those of both heads.
    """


class ColorizationJigsaw(Joint):
    """Colorization, and jigsaw puzzles of other crops.

    Args:
        config: A `ColorizationJigsawConfig`.
    """

    name, second = "colorization+jigsaw", Jigsaw
    Config = ColorizationJigsawConfig
