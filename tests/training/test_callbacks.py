"""Callbacks: the bar counts whole runs, summaries and rows have every column."""

import math

import numpy as np
import pytest
import tensorflow as tf

from selfsup.training.callbacks import Log, Periodically, Progress, Summaries


def test_progress_starts_at_the_resumed_step_and_ends_at_the_last(capfd):
    bar = Progress()
    bar.set_params({"steps": 12, "first_step": 7})
    bar.on_train_begin()
    for step in (8, 12):
        bar.on_train_batch_end(step - 1, {"step": float(step), "loss": 0.25})
    bar.on_train_end()
    shown = capfd.readouterr().err
    assert "7/12" in shown and "12/12" in shown and "loss=0.250" in shown


def test_function_is_called_at_its_period_and_at_the_end():
    called = []

    def function(step):
        called.append(step)
        return {"val_hue": float(step)}

    callback = Periodically(20, 50, function, ["val_hue"])
    rows = []
    for step in range(10, 60, 10):
        logs = {"step": float(step)}
        callback.on_epoch_end(0, logs)
        rows.append(logs["val_hue"])
    assert called == [20, 40, 50]
    assert [row for row in rows if not math.isnan(row)] == [20, 40, 50]


def test_function_without_period_is_called_at_the_end_only():
    called = []
    callback = Periodically(0, 3, called.append)
    for step in (1, 2, 3):
        callback.on_epoch_end(0, {"step": step})
    assert called == [3]


def test_a_log_on_a_full_disk_is_named(tmp_path):
    log = Log(tmp_path / "log.csv")
    log.on_train_begin()
    # As Keras' own would: what is left in a buffer is written when it is closed.
    log.csv_file.close()
    log.csv_file = open("/dev/full", "a")
    message = "log could not be written.*log.csv .No space left on device.$"
    with pytest.raises(OSError, match=message):
        log.on_epoch_end(0, {"step": 1.0, "loss": 0.5})
    log.on_train_end()
    assert log.csv_file.closed


def test_summaries_on_a_full_disk_name_the_folder(tmp_path, monkeypatch):
    summaries = Summaries(tmp_path)

    def full():
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(summaries.writer, "flush", full)
    with pytest.raises(OSError, match="could not be written.*No space left"):
        summaries.on_epoch_end(0, {"step": 1, "loss": 1.0})


def test_summaries_are_written_over_the_steps(tmp_path):
    summaries = Summaries(tmp_path)
    summaries.on_epoch_end(0, {"step": 30.0, "loss": 1.5, "val_hue": float("nan")})
    summaries.image("samples", np.zeros((4, 4, 3), np.uint8), 30)
    summaries.on_train_end()
    (file,) = tmp_path.glob("events*")
    events = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    found = {}
    for record in events:
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            found[value.tag] = (event.step, value.tensor)
    assert set(found) == {"loss", "samples"}
    assert found["loss"][0] == found["samples"][0] == 30
    assert tf.make_ndarray(found["loss"][1]) == 1.5
