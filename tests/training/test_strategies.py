"""Precision, averages and synchronization hold inside and end outside."""

import keras
import pytest
import tensorflow as tf

from selfsup import heads
from selfsup.training import strategies

import fakes


def test_one_device_needs_no_strategy():
    assert strategies.default_strategy().num_replicas_in_sync == 1


def test_precision_holds_inside_only():
    with strategies.precision("bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
        assert keras.layers.Dense(1).variable_dtype == "float32"
    assert keras.layers.Dense(1).compute_dtype == "float32"


def test_averaged_weights_are_those_of_the_recursion():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    optimizer.build(model.trainable_variables)
    model.layers[0].kernel.assign([[0.0]])
    average = None
    for gradient in (1.0, -2.0, 4.0):
        optimizer.apply([tf.constant([[gradient]])], model.trainable_variables)
        value = float(model.layers[0].kernel[0, 0])
        average = value if average is None else 0.75 * average + 0.25 * value
    with strategies.averaged_weights(model, optimizer):
        assert float(model.layers[0].kernel[0, 0]) == pytest.approx(average)
    assert float(model.layers[0].kernel[0, 0]) == -1.5


class _Strategy:
    def __init__(self, replicas):
        self.num_replicas_in_sync = replicas


def test_normalization_within_a_model_is_synchronized_too():
    backbone = fakes.network("alexnet")
    model = heads.jigsaw(backbone, 3, hidden=2)
    normalizations = [
        layer
        for layer in backbone.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    with strategies.synchronized_normalization(model, _Strategy(2)):
        assert all(layer.synchronized for layer in normalizations)
    assert normalizations
    assert not any(layer.synchronized for layer in normalizations)


@pytest.mark.parametrize("replicas", [1, 2])
def test_normalization_is_synchronized_while_there_are_replicas(replicas):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    )
    layer = model.layers[0]
    with (
        pytest.raises(InterruptedError),
        strategies.synchronized_normalization(model, _Strategy(replicas)),
    ):
        assert layer.synchronized is (replicas > 1)
        raise InterruptedError
    assert layer.synchronized is False
