"""The loop: how steps are grouped changes no number, and bad steps end the run."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task

from selfsup.training import loop
from selfsup.training.optimizers import CaffeSGD
from selfsup.training.step import Step, WeightedLoss

TASK = toy_task.ToyPretraining(toy_task.pretraining())


def _step(**changes):
    keras.utils.set_random_seed(0)
    model = TASK.model(toy_task.network(dropout=0.5, normalized=True), None)
    optimizer = CaffeSGD(0.01)
    optimizer.build(model.trainable_variables)
    model.optimizer = optimizer
    step = Step(
        model, optimizer, TASK.losses(model, None), tf.distribute.get_strategy()
    )
    return dataclasses.replace(step, **changes)


def _dataset(first, bad_step=None):
    def spoiled(step, inputs, targets, weights, status):
        factor = tf.where(step == bad_step, np.nan, 1.0)
        return {"gray": factor * inputs["gray"]}, targets, weights, status

    batches = TASK.batches(TASK.parts["train"], first)
    if bad_step is None:
        return batches
    steps = tf.data.Dataset.counter(first)
    return tf.data.Dataset.zip(steps, batches).map(
        lambda step, batch: spoiled(step, *batch)
    )


class _Checkpoints:
    """Remembers the steps that it was asked to save."""

    def __init__(self):
        self.row = loop.LogRow(("classes", "loss"))
        self.saved = []

    def save_if_due(self, step):
        self.saved.append(step)

    def save(self, step):
        self.saved.append(step)


class _Logs(keras.callbacks.Callback):
    """Keeps what happens, and the logs of each epoch."""

    def on_train_begin(self, logs=None):
        self.rows, self.begun, self.ended = [], [], 0

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append((epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.ended += 1


def _train(step, steps, log_every=3, callbacks=(), make_dataset=_dataset, **kwargs):
    checkpoints = _Checkpoints()
    schedule = loop.Schedule(steps, log_every)
    done = loop.run(step, make_dataset, schedule, checkpoints, callbacks, **kwargs)
    return done, checkpoints


def test_grouping_of_steps_changes_nothing(monkeypatch):
    results = []
    for seconds in (0.0, 100.0):
        monkeypatch.setattr(loop, "_CALL_SECONDS", seconds)
        step, logs, calls = _step(), _Logs(), []
        done, _ = _train(step, 7, callbacks=[logs], watch=calls.append)
        assert done == 7
        rows = [
            {k: v for k, v in row.items() if "second" not in k} for _, row in logs.rows
        ]
        variables = [variable.numpy() for variable in step.model.variables]
        results.append((variables, rows, len(calls)))
    toy_task.assert_same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    assert [row["step"] for row in results[0][1]] == [3, 6, 7]
    # One by one; and after a first and a second step, whose times are measured.
    assert results[0][2] == 7 and results[1][2] < 7


def test_a_row_holds_the_means_since_the_last_one():
    step, reference, logs = _step(), _step(), _Logs()
    _train(step, 4, log_every=3, callbacks=[logs])
    losses = []
    for inputs, targets, weights, _ in _dataset(0).take(4):
        values = reference(inputs, targets, weights)
        losses.append(float(values["loss"]))
    rows = [row for _, row in logs.rows]
    assert rows[0]["loss"] == pytest.approx(np.mean(losses[:3]), rel=1e-5)
    assert rows[1]["loss"] == pytest.approx(losses[3], rel=1e-5)
    assert rows[0]["learning_rate"] == pytest.approx(0.01)
    assert all(row["steps_per_second"] > 0 for row in rows)


def test_epochs_are_rows():
    logs = _Logs()
    _train(_step(), 5, log_every=2, callbacks=[logs])
    assert [epoch for epoch, _ in logs.rows] == logs.begun == [0, 1, 2]
    assert logs.ended == 1


def test_a_loss_that_is_not_finite_names_its_step_and_saves_nothing():
    logs, checkpoints = _Logs(), _Checkpoints()
    with pytest.raises(FloatingPointError, match="nan at step 5;"):
        loop.run(
            _step(),
            lambda first: _dataset(first, bad_step=4),
            loop.Schedule(9, 9),
            checkpoints,
            [logs],
        )
    assert all(step < 5 for step in checkpoints.saved)
    # The progress bar and the log are closed all the same.
    assert logs.ended == 1


def test_a_gradient_that_is_not_finite_counts_as_such_a_loss():
    @tf.custom_gradient
    def spoiled(x):
        return x, lambda upstream: upstream * np.nan

    class Spoiled(keras.losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return super().call(y_true, spoiled(y_pred))

    step = _step(losses={"classes": WeightedLoss(Spoiled(), 1.0)})
    with pytest.raises(FloatingPointError, match="at step 1;"):
        _train(step, 3)


def test_a_device_without_memory_is_not_a_full_disk(monkeypatch):
    def exhausted(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(loop, "_compiled_loop", lambda *args: exhausted)
    with pytest.raises(MemoryError, match="OOM when allocating"):
        _train(_step(), 2)


def test_a_callback_can_stop_the_run():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = logs["step"] >= 4

    done, checkpoints = _train(_step(), 100, log_every=2, callbacks=[Stop()])
    assert done == 4 and checkpoints.saved[-1] == 4


def test_a_run_that_is_over_saves_nothing():
    done, checkpoints = _train(_step(), 3, first_step=3)
    assert done == 3 and checkpoints.saved == []


def test_every_sample_is_reported_once_in_order():
    seen = []
    _train(_step(), 5, 2, watch=lambda status: seen.extend(status["index"].tolist()))
    expected = [batch[3]["index"].numpy() for batch in _dataset(0).take(5)]
    assert seen == np.concatenate(expected).tolist()


@pytest.mark.parametrize(
    "step, expected", [(0, 4), (4, 6), (6, 8), (8, 10), (19, 20), (21, 22), (22, 23)]
)
def test_stops_at_the_multiples_of_every_period(step, expected):
    assert loop.Schedule(23, 4, (10, None, 6, 22)).next_stop(step) == expected


def test_memory_advice_gives_a_smaller_batch():
    with (
        pytest.raises(MemoryError, match="batch_size=5, or.*batch_size=10,"),
        loop.memory_advice(10, 1),
    ):
        raise MemoryError("OOM when allocating")
