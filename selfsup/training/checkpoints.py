"""Checkpoints: written atomically, restored exactly."""

import math
import pathlib
import shutil
import time

import tensorflow as tf
from absl import logging

from selfsup import atomic, weights

# What restoring a damaged checkpoint, or one of another model, ends in.
_DOES_NOT_FIT = (AssertionError, LookupError, ValueError, tf.errors.OpError)


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
        writes: Whether `save` writes; one of several workers does.
    """

    def __init__(self, folder, model, optimizer, row, seconds=30.0, writes=True):
        self.folder = pathlib.Path(folder)
        self.row = row
        self.seconds = seconds
        self.writes = writes
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
        self._saved_step = None

    def restore(self):
        """Restores the newest checkpoint that is undamaged.

        Returns:
            The step it was made at, 0 without a checkpoint.

        Raises:
            ValueError: If there are checkpoints, but none fits the model.
        """
        self._remove_rests_of_kills()
        failure = None
        for path in reversed(self._manager.checkpoints):
            try:
                self._manager.checkpoint.restore(path).assert_consumed()
            except _DOES_NOT_FIT as error:
                logging.warning("Cannot restore %s: %s", path, atomic.first_line(error))
                failure = failure or (path, error)
                continue
            self._saved_step = int(self.step.numpy())
            return self._saved_step
        if failure is None:
            return 0
        path, error = failure
        raise ValueError(
            "No checkpoint can be restored. Expected the state of this model and "
            f"optimizer. Received: {path} ({atomic.first_line(error)})"
        ) from error

    def save_if_due(self, step):
        """Saves if enough seconds have passed; returns whether it did."""
        if time.monotonic() - self._last_save < self.seconds:
            return False
        self.save(step)
        return True

    def save_next(self):
        """Makes the next `save_if_due` save."""
        self._last_save = -math.inf

    def save(self, step):
        """Writes a checkpoint.

        Args:
            step: Number of steps done.

        Raises:
            OSError: If it cannot be written; the one before stays in place.
        """
        if step == self._saved_step or not self.writes:
            return
        self.step.assign(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            self._remove_rest(step)
            raise OSError(
                "A checkpoint could not be written. Expected a writable folder with "
                f"room for it. Received: {self.folder} at step {step} "
                f"({atomic.first_line(error)}); the newest whole one is "
                f"{self._manager.latest_checkpoint or 'none'}"
            ) from error
        self._saved_step = step
        self._last_save = time.monotonic()

    def _remove_rest(self, step):
        if f"{self.folder}/ckpt-{step}" == self._manager.latest_checkpoint:
            return
        for path in self.folder.glob(f"ckpt-{step}[._]*"):
            _remove(path)
        logging.warning("Removed the half-written checkpoint of step %d", step)

    def _remove_rests_of_kills(self):
        kept = {pathlib.Path(path).name for path in self._manager.checkpoints}
        for path in self.folder.glob("ckpt-*"):
            # A whole one is a rest too if the file that names the newest does not know
            # it yet, or no longer.
            if path.name.endswith("_temp") or (kept and path.stem not in kept):
                _remove(path)
        for path in self.folder.glob("checkpoint.tmp*"):
            _remove(path)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def save_model(model, path):
    """Writes a `.keras` file atomically.

    The optimizer's state stays out: it would triple the file.

    Args:
        model: A Keras model.
        path: Where to; an existing file is replaced at the last moment.

    Raises:
        OSError: If it cannot be written.
    """
    # `include_optimizer=False` is ignored for `.keras` files.
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        weights.save(model, path, overwrite=True)
    finally:
        model.optimizer = optimizer
