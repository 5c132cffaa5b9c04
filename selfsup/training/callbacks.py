"""Keras callbacks of the trainers: progress, log, summaries, snapshots, pictures."""

import contextlib

import keras
import tensorflow as tf

from selfsup import atomic
from selfsup.progress import progress_bar


class Progress(keras.callbacks.Callback):
    """Draws one progress bar over the whole run, with the losses beside it.

    Args:
        disable: Whether to draw none.
    """

    def __init__(self, disable=False):
        super().__init__()
        self.disable = disable

    def on_train_begin(self, logs=None):
        self._bar = progress_bar(
            total=self.params["steps"],
            initial=self.params["first_step"],
            unit="step",
            disable=self.disable,
        )

    def on_train_batch_end(self, batch, logs=None):
        losses = {
            name: f"{value:.3f}" for name, value in logs.items() if name != "step"
        }
        self._bar.set_postfix(losses, refresh=False)
        self._bar.update(int(logs["step"]) - self._bar.n)

    def on_train_end(self, logs=None):
        self._bar.close()


class Log(keras.callbacks.CSVLogger):
    """Appends the logs of each epoch to a CSV file.

    Args:
        path: Path of the file.
    """

    def __init__(self, path):
        super().__init__(str(path), append=True)

    def on_epoch_end(self, epoch, logs=None):
        try:
            super().on_epoch_end(epoch, logs)
        except OSError as error:
            raise OSError(
                "The log could not be written. Expected a writable folder with room "
                f"for it. Received: {self.filename} ({atomic.first_line(error)})"
            ) from error

    def on_train_end(self, logs=None):
        # What could not be written was reported before.
        with contextlib.suppress(OSError):
            super().on_train_end(logs)


class Summaries(keras.callbacks.Callback):
    """Writes the logs of each epoch for TensorBoard, over the steps.

    Args:
        folder: Path of the TensorBoard folder.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch, logs=None):
        with self._writing(int(logs["step"])):
            for name, value in logs.items():
                if name != "step" and value == value:
                    tf.summary.scalar(name, value)

    def image(self, name, picture, step):
        """Adds a picture `[H, W, 3]`, uint8."""
        with self._writing(step):
            tf.summary.image(name, picture[None])

    @contextlib.contextmanager
    def _writing(self, step):
        try:
            with self.writer.as_default(step=step):
                yield
            self.writer.flush()
        except tf.errors.OpError as error:
            raise OSError(
                "TensorBoard's file could not be written. Expected a writable folder "
                f"with room for it. Received: {self.folder} "
                f"({atomic.first_line(error)})"
            ) from error

    def on_train_end(self, logs=None):
        # What could not be written was reported before.
        with contextlib.suppress(tf.errors.OpError):
            self.writer.close()


class Periodically(keras.callbacks.Callback):
    """Calls a function at the epochs that end on a multiple of some steps.

    Args:
        every: Steps between calls; None for none but the last.
        steps: Length of the run; the function is called at its end too.
        function: Called with the step; the dict it returns joins the logs.
        names: Keys of that dict. At other epochs they are NaN, so that every
            row of the log has the same columns.
    """

    def __init__(self, every, steps, function, names=()):
        super().__init__()
        self.every, self.steps = every, steps
        self.function, self.names = function, tuple(names)

    def on_epoch_end(self, epoch, logs=None):
        step = int(logs["step"])
        due = step == self.steps or (self.every and step % self.every == 0)
        found = (self.function(step) if due else None) or {}
        logs.update({name: found.get(name, float("nan")) for name in self.names})
