"""Checkpoints that are written whole or not at all, and restored exactly."""

import contextlib
import os
import pathlib
import time

import tensorflow as tf
from absl import logging


class Checkpoints:
    """The resumable state of a run, in a folder.

    A checkpoint holds the weights, the state of the optimizer, the states of
    the random generators (which `save_weights` leaves out), the step and the begun
    row of the log. The two newest are kept; a half-written one is never picked
    up, because its index, and the file that names the newest, come last.

    Args:
        folder: Path of the folder; it is made when first needed.
        model: The model.
        optimizer: Its optimizer, built.
        row: The `LogRow` that the loop fills.
        seconds: Seconds between two checkpoints made by `save_if_due`.
    """

    def __init__(self, folder, model, optimizer, row, seconds=30.0):
        self.folder = pathlib.Path(folder)
        self.row = row
        self.seconds = seconds
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(
            # Includes the seed states, unlike `model.weights`.
            model=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            row=row.state,
            step=self.step,
        )
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(self.folder), max_to_keep=2
        )
        self._last_save = time.monotonic()

    def restore(self):
        """Restores the newest checkpoint.

        Returns:
            The step it was made at, 0 without a checkpoint.

        Raises:
            ValueError: If it does not fit the model.
        """
        newest = self._manager.latest_checkpoint
        if newest is None:
            return 0
        try:
            self._manager.checkpoint.restore(newest).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                "The checkpoint cannot be restored. Expected the state of this "
                f"model and optimizer. Received: {newest} ({_first_line(error)})"
            ) from error
        return int(self.step.numpy())

    def save_if_due(self, step):
        """Saves if enough seconds have passed; returns whether it did."""
        if time.monotonic() - self._last_save < self.seconds:
            return False
        self.save(step)
        return True

    def save(self, step):
        """Writes a checkpoint.

        Args:
            step: Number of steps done.

        Raises:
            OSError: If it cannot be written; the one before stays in place.
        """
        self.step.assign(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            self._remove_rest(step)
            raise OSError(
                "A checkpoint could not be written. Expected a writable folder with "
                f"room for it. Received: {self.folder} at step {step} "
                f"({_first_line(error)}); the newest whole one is "
                f"{self._manager.latest_checkpoint or 'none'}"
            ) from error
        self._last_save = time.monotonic()

    def _remove_rest(self, step):
        if f"{self.folder}/ckpt-{step}" == self._manager.latest_checkpoint:
            return
        for path in self.folder.glob(f"ckpt-{step}.*"):
            with contextlib.suppress(OSError):
                path.unlink()
        logging.warning("Removed the half-written checkpoint of step %d", step)


def save_model(model, path):
    """Writes a `.keras` file whole or not at all.

    The optimizer's state stays out: it would triple the file.

    Args:
        model: A Keras model.
        path: Where to; an existing file is replaced at the last moment.

    Raises:
        OSError: If it cannot be written.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{path.stem}-unfinished.keras")
    # `include_optimizer=False` is ignored for `.keras` files.
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        model.save(unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        raise OSError(
            "A model could not be written. Expected a writable folder with room "
            f"for it. Received: {path} ({_first_line(error)})"
        ) from error
    finally:
        model.optimizer = optimizer
        unfinished.unlink(missing_ok=True)


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
