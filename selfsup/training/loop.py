"""The training loop: one for every task and every strategy."""

import contextlib
import dataclasses
import time

import keras
import tensorflow as tf

from selfsup import stopping, workers

# One call of the compiled loop runs for about this time; then the progress bar is
# drawn and a checkpoint saved.
_CALL_SECONDS = 1.0


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

    def is_stop(self, step):
        """Returns whether something happens after a step."""
        return step > 0 and self.next_stop(step - 1) == step


def run(
    step_fn, make_dataset, schedule, checkpoints, callbacks=(), watch=None, first_step=0
):
    """Trains a model from a step on, to the end of the schedule.

    The numbers depend on the data and the state of the model alone, not on how
    the steps are grouped, so a resumed run ends like an unbroken one.

    Args:
        step_fn: A `Step`.
        make_dataset: Function from the first step to a dataset that begins there, of
            `(inputs, targets, weights)` or `(inputs, targets, weights, status)`; of
            this worker's part of every batch.
        schedule: A `Schedule`.
        checkpoints: `Checkpoints`, already restored.
        callbacks: Keras callbacks. The logs at the end of an epoch hold the
            mean losses, `step`, `learning_rate` and `steps_per_second`.
        watch: Called after every call with the dict of concatenated `status`
            tensors, where the dataset has them.
        first_step: Number of steps done before.

    Returns:
        The number of steps done in all.

    Raises:
        stopping.Stopped: If the program is to stop. A checkpoint was saved, and the
            text says after which step.
        FloatingPointError: If a loss is not finite; it names the step.
        MemoryError: If the device has not enough memory for a step.
    """
    model = step_fn.model
    dataset = _distribute(make_dataset(first_step), step_fn.strategy)
    iterator, has_status = iter(dataset), len(dataset.element_spec) == 4
    call = _compiled_loop(step_fn, has_status)
    logger = keras.callbacks.CallbackList(list(callbacks), model=model)
    logger.set_params({"steps": schedule.steps, "first_step": first_step})
    model.stop_training = False
    step, seconds_per_step = first_step, None
    row = checkpoints.row

    def end_row():
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

    logger.on_train_begin()
    try:
        if row.steps and schedule.is_stop(step):
            # The run was stopped while it was evaluated.
            end_row()
        while step < schedule.steps and not model.stop_training:
            stopping.check()
            if row.steps == 0:
                logger.on_epoch_begin(step // schedule.log_every)
            # The first call is one step: it shows how many fit the next.
            wanted = int(_CALL_SECONDS / seconds_per_step) if seconds_per_step else 1
            stop = schedule.next_stop(step)
            steps_per_call = _agreed(
                step_fn.strategy, step, max(1, min(stop - step, wanted))
            )
            start = time.monotonic()
            try:
                sums, bad, status = call(iterator, tf.constant(steps_per_call, "int64"))
            except tf.errors.ResourceExhaustedError as error:
                raise MemoryError(error.message) from error
            sums = {name: float(value) for name, value in sums.items()}
            if int(bad) >= 0:
                raise FloatingPointError(
                    "The loss is not finite. Expected a learning rate and data that "
                    f"keep it so. Received: loss {sums['loss']} at step "
                    f"{step + int(bad) + 1}; the newest checkpoint is from before. "
                    "Pretraining goes on from it with a lower --learning_rate, and "
                    "--overwrite begins anew"
                )
            elapsed = time.monotonic() - start
            # The first step of a process compiles.
            seconds_per_step = elapsed / steps_per_call if step > first_step else None
            step += steps_per_call
            if watch is not None and has_status:
                watch(_of_all_workers(step_fn.strategy, status))
            row.add(sums, steps_per_call, elapsed)
            logger.on_train_batch_end(step - 1, {"step": step, **row.means()})
            if step == stop:
                stopping.check()
                end_row()
            checkpoints.save_if_due(step)
        if step > first_step:
            checkpoints.save(step)
    except stopping.Stopped:
        if step > first_step:
            checkpoints.save(step)
        raise stopping.Stopped(f"after step {step} of {schedule.steps}") from None
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
        """Adds some steps: the sums of their losses and their time."""
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


def _agreed(strategy, step, steps_per_call):
    """Returns the chief's number of steps, once all workers are at the same step.

    Raises:
        ValueError: If they are not.
    """
    found = workers.exchange(strategy, f"{step} {steps_per_call}")
    steps, counts = zip(*(map(int, text.split()) for text in found), strict=True)
    if len(set(steps)) > 1:
        raise ValueError(
            "The workers begin at different steps. Expected a workdir that all of them "
            f"see, on a shared file system. Received: {', '.join(map(str, steps))}"
        )
    return counts[0]


def _of_all_workers(strategy, status):
    names = sorted(status)
    parts = workers.exchange_tensors(strategy, [status[name] for name in names])
    return {
        name: tf.concat(tensors, 0).numpy()
        for name, tensors in zip(names, zip(*parts, strict=True), strict=True)
    }


def _distribute(dataset, strategy):
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return dataset
    count = workers.place(strategy)[1]
    if count > 1:
        # A part of the batch came; each replica takes one of its elements.
        (size,) = {spec.shape[0] for spec in tf.nest.flatten(dataset.element_spec)}
        dataset = dataset.rebatch(size * count // replicas, drop_remainder=True)
        return strategy.distribute_datasets_from_function(lambda context: dataset)
    options, policy = tf.data.Options(), tf.data.experimental.AutoShardPolicy
    # The batch, not the files, is split.
    options.experimental_distribute.auto_shard_policy = policy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


def _compiled_loop(step_fn, has_status):
    names = (*step_fn.losses, "loss")

    @tf.function(reduce_retracing=True)
    def call(iterator, steps_per_call):
        # float64: how steps are grouped must not show in the log.
        sums = {name: tf.constant(0.0, tf.float64) for name in names}
        bad = tf.constant(-1, tf.int64)
        status = {
            "index": tf.TensorArray(tf.int64, 0, True, element_shape=[None]),
            "status": tf.TensorArray(tf.int8, 0, True, element_shape=[None]),
        }
        for i in tf.range(steps_per_call):
            inputs, targets, weights, *about = next(iterator)
            values = step_fn(inputs, targets, weights)
            sums = {
                name: sums[name] + tf.cast(values[name], tf.float64) for name in names
            }
            if bad < 0 and not tf.math.is_finite(values["loss"]):
                bad = i
            if has_status:
                local = step_fn.strategy.experimental_local_results
                position = tf.cast(i, tf.int32)
                status = {
                    name: array.write(position, tf.concat(local(about[0][name]), 0))
                    for name, array in status.items()
                }
        return sums, bad, {name: array.concat() for name, array in status.items()}

    return call


@contextlib.contextmanager
def memory_advice(batch_size, accumulation):
    """Suggests what to try where a step does not fit the device's memory.

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
            "A step needs more memory than the device has. Expected a smaller batch, "
            f"such as batch_size={max(1, batch_size // 2)}, or more accumulation. "
            f"Received: batch_size={batch_size}, accumulation={accumulation}"
        ) from error
