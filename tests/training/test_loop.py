"""The loop: groups of steps, parts of batches and devices change no number."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import layers, losses
from selfsup.training import loop
from selfsup.training.optimizers import CaffeSGD

import fakes

POINTS, BINS, BATCH = 5, 4, 4


def _model(normalized=True):
    """A colorizer of one convolution: what the loop sees of any model."""
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


def _terms():
    return {
        "hue": loop.Term(losses.HistogramKL(), 5.0),
        "chroma": loop.Term(losses.HistogramKL(), 1.0),
    }


def _step(model, strategy=None, **kwargs):
    optimizer = CaffeSGD(0.05)
    optimizer.build(model.trainable_variables)
    model.optimizer = optimizer
    strategy = strategy or tf.distribute.get_strategy()
    return loop.Step(model, optimizer, _terms(), strategy, **kwargs)


def batch(number, bad=False):
    rng = np.random.default_rng(number)

    def histograms():
        return rng.dirichlet(np.ones(BINS), (BATCH, POINTS)).astype(np.float32)

    gray = rng.uniform(-0.5, 0.5, (BATCH, 16, 16, 1)).astype(np.float32)
    inputs = {
        "gray": gray * (np.nan if bad else 1.0),
        "points": rng.integers(0, 16, (BATCH, POINTS, 2)).astype(np.float32),
    }
    targets = {"hue": histograms(), "chroma": histograms()}
    weights = {name: rng.random((BATCH, POINTS)).astype(np.float32) for name in targets}
    status = {
        "index": np.arange(BATCH, dtype=np.int64) + BATCH * number,
        "status": np.zeros(BATCH, np.int8),
    }
    return inputs, targets, weights, status


def _dataset(first, bad_step=None):
    def batches():
        number = first
        while True:
            yield batch(number, bad=number == bad_step)
            number += 1

    signature = tf.nest.map_structure(
        lambda x: tf.TensorSpec(x.shape, x.dtype), batch(0)
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


class _Checkpoints:
    """Remembers the steps that it was asked to save."""

    def __init__(self):
        self.row = loop.LogRow((*_terms(), "loss"))
        self.saved = []

    def save_if_due(self, step):
        self.saved.append(step)

    def save(self, step):
        self.saved.append(step)


class _Logs(keras.callbacks.Callback):
    """Keeps the logs of each epoch."""

    def on_train_begin(self, logs=None):
        self.rows = []

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append((epoch, dict(logs)))


def _train(model, steps, log_every=3, first=0, callbacks=(), **kwargs):
    checkpoints = _Checkpoints()
    done = loop.train(
        _step(model, **kwargs),
        _dataset,
        loop.Schedule(steps, log_every),
        checkpoints,
        callbacks,
        first_step=first,
    )
    return done, checkpoints


def _numpy_losses(model, number):
    inputs, targets, weights, _ = batch(number)
    outputs = model(inputs, training=True)
    values = {}
    for name, logits in outputs.items():
        prediction = tf.nn.log_softmax(logits).numpy()
        kl = np.sum(targets[name] * (np.log(targets[name]) - prediction), -1)
        values[name] = (weights[name] * kl).mean()
    return {**values, "loss": 5 * values["hue"] + values["chroma"]}


def test_first_logged_loss_is_the_weighted_mean_of_the_divergences():
    model, logs = _model(), _Logs()
    expected = _numpy_losses(_model(), 0)
    _train(model, 1, log_every=1, callbacks=[logs])
    ((epoch, row),) = logs.rows
    assert epoch == 0 and row["step"] == 1
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-4)


def test_grouping_of_steps_changes_nothing(monkeypatch):
    results = []
    for seconds in (0.0, 100.0):
        monkeypatch.setattr(loop, "_CHUNK_SECONDS", seconds)
        model, logs = _model(), _Logs()
        done, _ = _train(model, 7, callbacks=[logs])
        assert done == 7
        rows = [
            {k: v for k, v in row.items() if "second" not in k} for _, row in logs.rows
        ]
        results.append((model.get_weights(), rows))
    for one, many in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_array_equal(one, many)
    assert results[0][1] == results[1][1]
    assert [row["step"] for row in results[0][1]] == [3, 6, 7]


def test_two_parts_of_a_batch_equal_the_whole():
    # Without batch normalisation, which sees the parts one by one.
    models = [_model(normalized=False) for _ in range(2)]
    for model, accumulation in zip(models, (1, 2), strict=True):
        _train(model, 3, accumulation=accumulation)
    for whole, parts in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(parts, whole, atol=1e-6)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_gradients_are_clipped_by_their_norm_over_all_variables(accumulation):
    models = [_model(normalized=False) for _ in range(2)]
    before = [variable.numpy() for variable in models[0].trainable_variables]
    changes = []
    for model, clip_norm in zip(models, (0.0, 0.1), strict=True):
        step = _step(model, accumulation=accumulation, clip_norm=clip_norm)
        # Without decay and doubled biases the change is the gradient.
        step.optimizer.kernel_decay, step.optimizer.bias_multiplier = 0.0, 1.0
        step(*batch(0)[:3])
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


def test_compiled_step_equals_the_plain_one():
    # Batch normalisation of so few pixels would magnify the rounding.
    models = [_model(normalized=False) for _ in range(2)]
    for model, jit in zip(models, (False, True), strict=True):
        _train(model, 2, jit=jit)
    for plain, compiled in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-6)


def test_a_loss_that_is_not_finite_names_its_step_and_saves_nothing():
    checkpoints = _Checkpoints()
    with pytest.raises(FloatingPointError, match="at step 5"):
        loop.train(
            _step(_model()),
            lambda first: _dataset(first, bad_step=4),
            loop.Schedule(9, 9),
            checkpoints,
        )
    assert all(step < 5 for step in checkpoints.saved)


def test_a_gradient_that_is_not_finite_counts_as_such_a_loss():
    @tf.custom_gradient
    def spoiled(x):
        return x, lambda upstream: upstream * np.nan

    class Spoiled(losses.HistogramKL):
        def call(self, y_true, y_pred):
            return super().call(y_true, spoiled(y_pred))

    step = _step(_model())
    terms = {**step.terms, "hue": loop.Term(Spoiled(), 5.0)}
    step = dataclasses.replace(step, terms=terms)
    with pytest.raises(FloatingPointError, match="at step 1;"):
        loop.train(step, _dataset, loop.Schedule(3, 3), _Checkpoints())


def test_a_device_without_memory_is_told_from_a_full_disk(monkeypatch):
    def exhausted(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(loop, "_chunk_function", lambda step_fn: exhausted)
    with pytest.raises(MemoryError, match="OOM when allocating"):
        _train(_model(), 2)


def test_a_callback_can_stop_the_run():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = logs["step"] >= 4

    done, checkpoints = _train(_model(), 100, log_every=2, callbacks=[Stop()])
    assert done == 4 and checkpoints.saved[-1] == 4


def test_every_sample_is_reported_once_in_order():
    seen = []
    loop.train(
        _step(_model()),
        _dataset,
        loop.Schedule(5, 2),
        _Checkpoints(),
        watch=lambda status: seen.extend(status["index"].tolist()),
    )
    assert seen == list(range(5 * BATCH))


@pytest.mark.parametrize(
    "step, expected", [(0, 4), (4, 6), (6, 8), (8, 10), (19, 20), (21, 22), (22, 23)]
)
def test_stops_at_the_multiples_of_every_period(step, expected):
    assert loop.Schedule(23, 4, (10, 0, 6, 22)).next_stop(step) == expected


@pytest.mark.parametrize("batch_size", [6, 7])
def test_uneven_batches_are_refused_with_a_size_that_fits(batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size}, .* = 8"):
        loop.divisible_batch(batch_size, replicas=2, accumulation=2)
    loop.divisible_batch(8, replicas=2, accumulation=2)


def test_compiling_over_several_devices_is_refused():
    loop.one_device_for_jit(jit=True, replicas=1)
    loop.one_device_for_jit(jit=False, replicas=2)
    with pytest.raises(ValueError, match="one device.*2 devices"):
        loop.one_device_for_jit(jit=True, replicas=2)


def test_memory_advice_gives_a_smaller_batch():
    with (
        pytest.raises(MemoryError, match="batch_size=5, or.*batch_size=10,"),
        loop.memory_advice(10, 1),
    ):
        raise MemoryError("OOM when allocating")
