"""The training loop: one for every task and every strategy."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

# The loop returns to Python about once in this time, to draw the progress bar
# and to save.
_CHUNK_SECONDS = 1.0


class Term(NamedTuple):
    """One term of the total loss.

    Attributes:
        loss: A Keras loss.
        weight: Its factor in the total.
    """

    loss: keras.losses.Loss
    weight: float


@dataclasses.dataclass(frozen=True)
class Step:
    """One training step: gradients over the parts of a batch, one update.

    Args:
        model: A model whose outputs are a dict.
        optimizer: A built Keras optimizer.
        terms: A `Term` for each output.
        strategy: The `tf.distribute.Strategy` of the model.
        accumulation: Parts that the batch is split into; their gradients are
            averaged before the update.
        jit: Whether to compile with XLA.
        clip_norm: Greatest norm of the gradient over all variables and all
            replicas, 0 for any. An optimizer's own `global_clipnorm` sees one
            replica's share only.
    """

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    terms: dict[str, Term]
    strategy: tf.distribute.Strategy
    accumulation: int = 1
    jit: bool = False
    clip_norm: float = 0.0

    def __call__(self, inputs, targets, weights):
        """Runs one step on the replicas' parts of a batch.

        Args:
            inputs: Dict of input tensors, the batch first.
            targets: Dict of target tensors, by output.
            weights: Dict of sample weights, by output.

        Returns:
            A dict of scalars: each term's unweighted loss, and `loss`.
        """
        update = (
            tf.function(self._update, jit_compile=True) if self.jit else self._update
        )
        values = self.strategy.run(update, args=(inputs, targets, weights))
        # Keras losses have divided by the number of replicas.
        return {
            name: self.strategy.reduce("SUM", value, axis=None)
            for name, value in values.items()
        }

    def _update(self, inputs, targets, weights):
        parts = [
            tf.nest.map_structure(
                lambda x, i=i: tf.split(x, self.accumulation)[i],
                (inputs, targets, weights),
            )
            for i in range(self.accumulation)
        ]
        variables = self.model.trainable_variables
        sums, values = None, None
        for part in parts:
            # One after the other: at once they would need the memory of all.
            with tf.control_dependencies(sums or []):
                with tf.GradientTape() as tape:
                    part_values = self._losses(*part)
                gradients = tape.gradient(
                    part_values["loss"], [v.value for v in variables]
                )
                gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            sums = _add(sums, gradients)
            values = (
                part_values
                if values is None
                else {name: values[name] + value for name, value in part_values.items()}
            )
        scale = 1.0 / self.accumulation
        gradients = [scale * gradient for gradient in sums]
        if self.clip_norm:
            gradients = self._clipped(gradients)
        self.optimizer.apply(gradients, variables)
        values = {name: scale * value for name, value in values.items()}
        # Adds nothing, unless a gradient is not finite: then the loss is not.
        values["loss"] += 0.0 * tf.linalg.global_norm(sums)
        return values

    def _clipped(self, gradients):
        replicas = self.strategy.num_replicas_in_sync
        if replicas > 1:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce("SUM", gradients)
        gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        # The optimizer sums over the replicas once more.
        return [gradient / replicas for gradient in gradients]

    def _losses(self, inputs, targets, weights):
        outputs = self.model(inputs, training=True)
        values = {
            name: term.loss(targets[name], outputs[name], weights[name])
            for name, term in self.terms.items()
        }
        total = sum(self.terms[name].weight * value for name, value in values.items())
        return {**values, "loss": total}


def _add(sums, gradients):
    if sums is None:
        return gradients
    return [total + gradient for total, gradient in zip(sums, gradients, strict=True)]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When things happen, in steps.

    Args:
        steps: Length of the run.
        log_every: Steps between rows of the log; "an epoch" for callbacks.
        stops: Further periods at whose multiples a row, and an epoch, ends.
    """

    steps: int
    log_every: int
    stops: tuple[int, ...] = ()

    def next_stop(self, step):
        """Returns the first step after `step` at which something happens."""
        periods = (self.log_every, *(period for period in self.stops if period))
        return min(self.steps, *(period * (step // period + 1) for period in periods))


def train(
    step_fn: Step,
    make_dataset: Callable[[int], tf.data.Dataset],
    schedule: Schedule,
    checkpoints,
    callbacks=(),
    watch=None,
    first_step=0,
):
    """Trains a model from a step on, to the end of the schedule.

    The numbers depend on the data and the state of the model alone, not on how
    the steps are grouped, so a resumed run ends like an unbroken one.

    Args:
        step_fn: What one step does.
        make_dataset: Function from the first step to a dataset of `(inputs,
            targets, weights, status)` that begins there.
        schedule: When to log and stop.
        checkpoints: `Checkpoints`, already restored.
        callbacks: Keras callbacks. The logs at the end of an epoch hold the
            mean losses, `step`, `learning_rate` and `steps_per_second`.
        watch: Called with the dict of concatenated `status` tensors of every
            chunk of steps.
        first_step: Number of steps done before.

    Returns:
        The number of steps done in all.

    Raises:
        FloatingPointError: If a loss is not finite; it names the step.
        MemoryError: If the device has not enough memory for a step.
    """
    model = step_fn.model
    iterator = iter(_distribute(make_dataset(first_step), step_fn.strategy))
    run_chunk = _chunk_function(step_fn)
    logger = keras.callbacks.CallbackList(list(callbacks), model=model)
    logger.set_params({"steps": schedule.steps, "first_step": first_step})
    model.stop_training = False
    step, seconds_per_step = first_step, None
    row = checkpoints.row
    logger.on_train_begin()
    try:
        while step < schedule.steps and not model.stop_training:
            if row.steps == 0:
                logger.on_epoch_begin(step // schedule.log_every)
            # The first chunk is one step: it shows how long the next may be.
            wanted = int(_CHUNK_SECONDS / seconds_per_step) if seconds_per_step else 1
            stop = schedule.next_stop(step)
            count = max(1, min(stop - step, wanted))
            start = time.monotonic()
            try:
                sums, bad, status = run_chunk(iterator, tf.constant(count, tf.int64))
            except tf.errors.ResourceExhaustedError as error:
                raise MemoryError(error.message) from error
            sums = {name: float(value) for name, value in sums.items()}
            if int(bad) >= 0:
                raise FloatingPointError(
                    "The loss is not finite. Expected a learning rate and data that "
                    f"keep it so. Received: loss {sums['loss']} at step "
                    f"{step + int(bad) + 1}; the newest checkpoint is from before"
                )
            elapsed = time.monotonic() - start
            # The first step of a process compiles.
            seconds_per_step = elapsed / count if step > first_step else None
            step += count
            if watch is not None:
                watch(tf.nest.map_structure(lambda x: x.numpy(), status))
            row.add(sums, count, elapsed)
            logger.on_train_batch_end(step - 1, {"step": step, **row.means()})
            if step == stop:
                rate = keras.ops.convert_to_numpy(step_fn.optimizer.learning_rate)
                logs = {
                    "step": step,
                    # Not `float` alone: with replicas it may be a variable on each.
                    "learning_rate": float(rate),
                    **row.means(),
                    "steps_per_second": row.steps_per_second(),
                }
                logger.on_epoch_end((step - 1) // schedule.log_every, logs)
                row.clear()
            checkpoints.save_if_due(step)
        if step > first_step:
            checkpoints.save(step)
    finally:
        # Closes the log and the progress bar, whatever ended the run.
        logger.on_train_end()
    return step


class LogRow:
    """Running means for one row of the log, kept across a restart.

    Args:
        names: Names of the losses.
    """

    def __init__(self, names):
        self.names = tuple(names)
        # Part of the checkpoint, so that a resumed run logs what an unbroken
        # one does.
        self.state = tf.Variable(tf.zeros([len(self.names) + 1], tf.float64))
        self._seconds, self._timed_steps = 0.0, 0

    @property
    def steps(self):
        """Number of steps in the row."""
        return int(self.state[-1])

    def add(self, sums, steps, seconds):
        """Adds a chunk of steps: the sums of their losses and their time."""
        values = [sums[name] for name in self.names]
        self.state.assign_add(tf.constant([*values, steps], tf.float64))
        self._seconds += seconds
        self._timed_steps += steps

    def means(self):
        """Returns the mean of each loss."""
        *sums, steps = self.state.numpy().tolist()
        return {
            name: value / steps for name, value in zip(self.names, sums, strict=True)
        }

    def steps_per_second(self):
        """Returns the speed of this process since the row began."""
        return self._timed_steps / max(self._seconds, 1e-9)

    def clear(self):
        """Begins the next row."""
        self.state.assign(tf.zeros_like(self.state))
        self._seconds, self._timed_steps = 0.0, 0


def _distribute(dataset, strategy):
    if strategy.num_replicas_in_sync == 1:
        return dataset
    options = tf.data.Options()
    # Each worker makes the same stream; the batch, not the files, is split.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


def _chunk_function(step_fn):
    names = (*step_fn.terms, "loss")

    @tf.function(reduce_retracing=True)
    def run_chunk(iterator, count):
        # float64: how steps are grouped must not show in the log.
        sums = {name: tf.constant(0.0, tf.float64) for name in names}
        bad = tf.constant(-1, tf.int64)
        status = {
            "index": tf.TensorArray(tf.int64, 0, True, element_shape=[None]),
            "status": tf.TensorArray(tf.int8, 0, True, element_shape=[None]),
        }
        for i in tf.range(count):
            inputs, targets, weights, about = next(iterator)
            values = step_fn(inputs, targets, weights)
            sums = {
                name: sums[name] + tf.cast(values[name], tf.float64) for name in names
            }
            if bad < 0 and not tf.math.is_finite(values["loss"]):
                bad = i
            local = step_fn.strategy.experimental_local_results
            position = tf.cast(i, tf.int32)
            status = {
                name: array.write(position, tf.concat(local(about[name]), 0))
                for name, array in status.items()
            }
        return sums, bad, {name: array.concat() for name, array in status.items()}

    return run_chunk


def divisible_batch(batch_size, replicas, accumulation):
    """Checks that a batch splits evenly over replicas and parts.

    Args:
        batch_size: Images a step, over all replicas.
        replicas: Number of replicas.
        accumulation: Parts that each replica's share is split into.

    Raises:
        ValueError: If it does not.
    """
    parts = replicas * accumulation
    if batch_size % parts:
        raise ValueError(
            "The batch does not split evenly. Expected a multiple of "
            f"{replicas} devices x {accumulation} parts = {parts}. "
            f"Received: batch_size={batch_size}, try {math.ceil(batch_size / parts)} "
            f"x {parts} = {math.ceil(batch_size / parts) * parts}"
        )


def one_device_for_jit(jit, replicas):
    """Checks that a step which is to be compiled runs on one device.

    Args:
        jit: Whether to compile with XLA.
        replicas: Number of replicas.

    Raises:
        ValueError: If there are several.
    """
    if jit and replicas > 1:
        raise ValueError(
            "XLA cannot compile a step over several devices. Expected jit=False or "
            f"one device. Received: jit=True, {replicas} devices"
        )


@contextlib.contextmanager
def memory_advice(batch_size, accumulation):
    """Tells what to try where a step does not fit the device's memory.

    Args:
        batch_size: Images a step.
        accumulation: Parts that the batch is split into.

    Yields:
        Nothing.

    Raises:
        MemoryError: In place of the loop's own.
    """
    try:
        yield
    except MemoryError as error:
        raise MemoryError(
            "The device has not enough memory for a step. Expected a smaller batch, "
            f"such as batch_size={max(1, batch_size // 2)}, or more parts of it by "
            f"accumulation. Received: batch_size={batch_size}, "
            f"accumulation={accumulation}"
        ) from error
