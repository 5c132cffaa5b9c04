"""One step: parts of a batch, clipping and compilation change no number."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers, losses
from selfsup.training.optimizers import CaffeSGD
from selfsup.training.step import (
    Step,
    WeightedLoss,
    divisible_batch,
    one_device_for_jit,
)

import fakes

POINTS, BINS, BATCH = 5, 4, 4


def _model(normalized=True):
    """A colorizer of one convolution: what a step sees of any model."""
    gray = keras.Input((None, None, 1), name="gray")
    points = keras.Input((None, 2), name="points")
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(gray)
    if normalized:
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = layers.SparseHypercolumn([1], [0.0])([keras.layers.ReLU()(x)], points)
    outputs = {name: keras.layers.Dense(BINS)(x) for name in ("hue", "chroma")}
    model = keras.Model({"gray": gray, "points": points}, outputs)
    fakes.randomize(model, bias=0.1)
    return model


def _step(model, **kwargs):
    optimizer = CaffeSGD(0.05)
    optimizer.build(model.trainable_variables)
    weighted = {
        "hue": WeightedLoss(losses.HistogramKL(), 5.0),
        "chroma": WeightedLoss(losses.HistogramKL(), 1.0),
    }
    return Step(model, optimizer, weighted, tf.distribute.get_strategy(), **kwargs)


def _batch(number):
    rng = np.random.default_rng(number)

    def histograms():
        return rng.dirichlet(np.ones(BINS), (BATCH, POINTS)).astype(np.float32)

    inputs = {
        "gray": rng.uniform(-0.5, 0.5, (BATCH, 16, 16, 1)).astype(np.float32),
        "points": rng.integers(0, 16, (BATCH, POINTS, 2)).astype(np.float32),
    }
    targets = {"hue": histograms(), "chroma": histograms()}
    weights = {name: rng.random((BATCH, POINTS)).astype(np.float32) for name in targets}
    return tf.nest.map_structure(tf.constant, (inputs, targets, weights))


def _train(model, steps, **kwargs):
    step = tf.function(_step(model, **kwargs).__call__)
    for number in range(steps):
        step(*_batch(number))


def test_losses_are_the_weighted_means_of_the_divergences():
    inputs, targets, weights = _batch(0)
    outputs = _model()(inputs, training=True)
    expected = {}
    for name, logits in outputs.items():
        target, prediction = targets[name].numpy(), tf.nn.log_softmax(logits).numpy()
        kl = np.sum(target * (np.log(target) - prediction), -1)
        expected[name] = (weights[name] * kl).numpy().mean()
    expected["loss"] = 5 * expected["hue"] + expected["chroma"]
    values = _step(_model())(inputs, targets, weights)
    assert {k: float(v) for k, v in values.items()} == pytest.approx(expected, rel=1e-4)


def test_two_parts_of_a_batch_equal_the_whole():
    # Without batch normalization, which sees the parts one by one.
    models = [_model(normalized=False) for _ in range(2)]
    for model, accumulation in zip(models, (1, 2), strict=True):
        _train(model, 3, accumulation=accumulation)
    for whole, parts in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(parts, whole, atol=1e-6)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_relative_weights_make_a_mean_over_what_weighs_something(accumulation):
    inputs, targets, weights = _batch(0)
    weights = {name: tf.cast(x < 0.3, tf.float32) for name, x in weights.items()}
    model = _model(normalized=False)
    step = _step(model, accumulation=accumulation)
    outputs = model(inputs, training=True)
    step = dataclasses.replace(
        step, losses={k: v._replace(relative=True) for k, v in step.losses.items()}
    )
    values = step(inputs, targets, weights)
    for name, target in targets.items():
        divergence = losses.HistogramKL(reduction="none")(target, outputs[name])
        expected = np.mean(divergence[weights[name] > 0])
        assert 0 < np.sum(weights[name]) < BATCH * POINTS
        assert float(values[name]) == pytest.approx(float(expected), rel=1e-5)


def test_no_relative_weight_is_no_loss():
    inputs, targets, weights = _batch(0)
    step = _step(_model())
    step = dataclasses.replace(
        step, losses={k: v._replace(relative=True) for k, v in step.losses.items()}
    )
    values = step(inputs, targets, tf.nest.map_structure(tf.zeros_like, weights))
    assert float(values["loss"]) == 0


@pytest.mark.parametrize("accumulation", [1, 2])
def test_gradients_are_clipped_by_their_norm_over_all_variables(accumulation):
    models = [_model(normalized=False) for _ in range(2)]
    before = [variable.numpy() for variable in models[0].trainable_variables]
    changes = []
    for model, clip_norm in zip(models, (None, 0.1), strict=True):
        step = _step(model, accumulation=accumulation, clip_norm=clip_norm)
        # Without decay and doubled biases the change is the gradient.
        step.optimizer.kernel_decay, step.optimizer.bias_multiplier = 0.0, 1.0
        step(*_batch(0))
        changes.append(
            [
                variable.numpy() - old
                for variable, old in zip(model.trainable_variables, before, strict=True)
            ]
        )
    free, clipped = (np.concatenate([c.ravel() for c in each]) for each in changes)
    assert np.linalg.norm(free) > 2 * 0.05 * 0.1
    np.testing.assert_allclose(np.linalg.norm(clipped), 0.05 * 0.1, rtol=1e-3)
    direction = free / np.linalg.norm(free)
    np.testing.assert_allclose(clipped / np.linalg.norm(clipped), direction, atol=1e-3)


def test_a_gradient_below_the_greatest_norm_stays():
    models = [_model(normalized=False) for _ in range(2)]
    for model, clip_norm in zip(models, (None, 1e3), strict=True):
        _step(model, clip_norm=clip_norm)(*_batch(0))
    for one, other in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_compiled_step_equals_the_plain_one():
    # Batch normalization of so few pixels would magnify the rounding.
    models = [_model(normalized=False) for _ in range(2)]
    for model, jit in zip(models, (False, True), strict=True):
        _train(model, 2, jit=jit)
    for plain, compiled in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-6)


@pytest.mark.parametrize("batch_size", [6, 7])
def test_uneven_batches_are_refused_with_a_size_that_fits(batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size}, .* = 8"):
        divisible_batch(batch_size, replicas=2, accumulation=2)
    divisible_batch(8, replicas=2, accumulation=2)


def test_compiling_over_several_devices_is_refused(caplog):
    one_device_for_jit(jit=False, replicas=2)
    assert not caplog.messages
    one_device_for_jit(jit=True, replicas=1)
    # On a GPU it pays.
    assert bool(caplog.messages) != bool(tf.config.list_logical_devices("GPU"))
    with pytest.raises(ValueError, match="jit=True, 2 devices"):
        one_device_for_jit(jit=True, replicas=2)
