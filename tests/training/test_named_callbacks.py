"""Callbacks by name: those of Keras, of a module of one's own, and what they raise."""

import keras
import pytest
import toy_task

from selfsup import stopping, training
from selfsup.training.named_callbacks import named_callbacks

# What the callbacks of this module have seen.
seen = []


class Keeper(keras.callbacks.Callback):
    """Keeps the logs of each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        seen.append((logs["step"], logs["loss"], type(self.model).__name__))


class Failing(keras.callbacks.Callback):
    """Fails at the end of an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyError("accuracy")


class Stopping(keras.callbacks.Callback):
    """Ends like a program that got a signal."""

    def on_epoch_end(self, epoch, logs=None):
        raise stopping.Stopped("now")


def keeper():
    """Returns a callback."""
    return Keeper()


def inline():
    """Returns a callback whose hook is an attribute of the object."""
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: 1 / 0)


def number():
    """Returns no callback."""
    return 7


def broken():
    """Cannot be built."""
    raise OSError("no network")


@pytest.mark.parametrize("name", ["Keeper", "keeper"])
def test_a_callback_sees_every_row_of_the_log(name, tmp_path):
    seen.clear()
    config = toy_task.pretraining(callbacks=(f"{__name__}.{name}",))
    task = toy_task.ToyPretraining(config)
    training.train(task, tmp_path)
    rows = [(row["step"], row["loss"]) for row in toy_task.log(tmp_path)]
    assert len(rows) > 1
    assert [(step, loss) for step, loss, _ in seen] == rows
    assert {kind for *_, kind in seen} == {"Functional"}


def test_a_callback_of_keras_stays_one():
    (callback,) = named_callbacks(["keras.callbacks.TerminateOnNaN"])
    assert isinstance(callback, keras.callbacks.TerminateOnNaN)


@pytest.mark.parametrize(
    "name, message",
    [
        ("nosuch.Thing", "Received: 'nosuch.Thing' .ModuleNotFoundError: No m"),
        ("keras.callbacks.Nothing", "Received: 'keras.callbacks.Nothing'"),
        ("Keeper", "incomplete. Expected MODULE.NAME. Received: 'Keeper'"),
        (f"{__name__}.__doc__", "no callback.*Received: .*__doc__"),
        (f"{__name__}.number", "This is no callback"),
    ],
)
def test_what_is_no_callback_is_named(name, message):
    with pytest.raises(ValueError, match=message):
        named_callbacks([name])


def test_a_module_that_cannot_be_imported_is_named(tmp_path, monkeypatch):
    (tmp_path / "unfinished_logs.py").write_text("class Alarm(")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="'unfinished_logs.Alarm' .SyntaxError"):
        named_callbacks(["unfinished_logs.Alarm"])


def test_a_wrong_name_is_found_before_anything_is_written(tmp_path):
    config = toy_task.pretraining(callbacks=("nosuch.Thing",))
    task = toy_task.ToyPretraining(config)
    with pytest.raises(ValueError, match="no such callback"):
        training.train(task, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name, message",
    [
        ("broken", "Received: .*broken: OSError: no network"),
        ("Failing", "Received: .*Failing: KeyError: 'accuracy'"),
        ("inline", "Received: .*inline: ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_callback_raises_names_it(name, message, tmp_path):
    config = toy_task.pretraining(callbacks=(f"{__name__}.{name}",))
    task = toy_task.ToyPretraining(config)
    with pytest.raises(RuntimeError, match=message):
        training.train(task, tmp_path)


def test_a_signal_is_no_fault_of_a_callback():
    (callback,) = named_callbacks([f"{__name__}.Stopping"])
    with pytest.raises(stopping.Stopped):
        callback.on_epoch_end(0)
