"""A training step of Keras on JAX, compiled as a whole."""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from selfsup.analysis.benchmarks import process, trace


def forward(model, loss):
    """Returns the function that computes the loss of a batch.

    Args:
        model: A Keras model.
        loss: Function of its outputs and a batch.

    Returns:
        A function of the state and a batch. It returns the loss and what the
        normalizations and the dropouts changed. The state is a triple: values of the
        trainable and of the other variables, and of those of the optimizer.
    """

    def compute(state, batch):
        return _loss_and_fixed(model, loss, state[0], state[1], batch)

    return compute


def backward(model, loss):
    """Returns the function that computes the gradients too; see `forward`."""

    def compute(state, batch):
        return _gradients(model, loss, state, batch)

    return compute


def step(model, loss, optimizer):
    """Returns the function of a whole step.

    Args:
        model: A Keras model.
        loss: Function of its outputs and a batch.
        optimizer: A built Keras optimizer.

    Returns:
        A function of the state, as in `forward`, and a batch. It returns the loss
        and the new state.
    """

    def compute(state, batch):
        (value, fixed), gradients = _gradients(model, loss, state, batch)
        trainable, moments = optimizer.stateless_apply(state[2], gradients, state[0])
        return value, (trainable, fixed, moments)

    return compute


def _loss_and_fixed(model, loss, trainable, fixed, batch):
    inputs = {"gray": batch.gray, "points": batch.points}
    outputs, fixed = model.stateless_call(trainable, fixed, inputs, training=True)
    return loss(outputs, batch), fixed


def _gradients(model, loss, state, batch):
    compute = functools.partial(_loss_and_fixed, model, loss)
    gradients = jax.value_and_grad(compute, has_aux=True)
    return gradients(state[0], state[1], batch)


def state_of(model, optimizer=None):
    """Returns the state of a model and an optimizer, as the functions take it."""
    return tuple(
        [variable.value for variable in part] for part in _parts(model, optimizer)
    )


def restore(model, optimizer, state):
    """Gives the variables the values of a state."""
    for part, values in zip(_parts(model, optimizer), state, strict=True):
        for variable, value in zip(part, values, strict=True):
            variable.assign(value)


def _parts(model, optimizer):
    parts = model.trainable_variables, model.non_trainable_variables
    return *parts, optimizer.variables if optimizer else ()


def compiled(function, state, batch, donate=False):
    """Compiles a function of the state and a batch.

    Args:
        function: What one of the functions above returned.
        state: The state.
        batch: The batch.
        donate: Whether the memory of the state is used for the result.

    Returns:
        A pair: the executable, and seconds of tracing and compiling.
    """
    start = time.perf_counter()
    jitted = jax.jit(function, donate_argnums=0 if donate else ())
    return jitted.lower(state, batch).compile(), time.perf_counter() - start


def figures(executable):
    """Returns what XLA knows of an executable: its operations and its memory."""
    costs = executable.cost_analysis() or {}
    memory = executable.memory_analysis()
    sizes = {
        name: getattr(memory, f"{name}_size_in_bytes", 0) / 1024**2
        for name in ("argument", "output", "alias", "temp")
    }
    return {
        "xla_flops": costs.get("flops"),
        "xla_temporary_megabytes": sizes["temp"],
        "xla_megabytes": sum(sizes.values()) - 2 * sizes["alias"],
    }


class Loop:
    """Runs steps one after the other, each on the state that the last one left.

    Args:
        executable: A compiled step.
        state: The first state; its memory may be used.
        batch: The batch of all steps.
    """

    def __init__(self, executable, state, batch):
        self.executable, self.state, self.batch = executable, state, batch

    def __call__(self):
        """Starts a step and returns its loss, which may not be computed yet."""
        value, self.state = self.executable(self.state, self.batch)
        return value


def peak_megabytes():
    """Returns the most memory of the device that was in use; None if unknown."""
    statistics_ = jax.local_devices()[0].memory_stats()
    return statistics_ and statistics_["peak_bytes_in_use"] / 1024**2


def product_flops(size, dtype):
    """Returns operations a second of a product of random square matrices."""
    one, other = (
        jax.random.normal(jax.random.key(seed), (size, size), dtype)
        for seed in range(2)
    )
    product = jax.jit(jnp.matmul)
    return process.product_flops(
        size, lambda: product(one, other), jax.block_until_ready
    )


def loss_and_gradients(model, loss, batch):
    """Computes the loss of a batch in training, and its gradients.

    Args:
        model: A Keras model.
        loss: Function of its outputs and a batch.
        batch: The batch.

    Returns:
        A pair: a float, and a list of arrays in the order of the trainable variables.
    """
    state = state_of(model)
    executable, _ = compiled(backward(model, loss), state, batch)
    (value, _), gradients = executable(state, batch)
    return float(value), [np.asarray(gradient) for gradient in gradients]


def kernels(start, folder, steps=2):
    """Traces steps and returns the kernels that took longest.

    Args:
        start: Function without arguments that starts a step.
        folder: Where the trace is written.
        steps: Number of steps.

    Returns:
        Dict from kernels to milliseconds a step, the longest first.
    """
    with jax.profiler.trace(folder):
        for _ in range(steps):
            result = start()
        jax.block_until_ready(result)
    return trace.longest(trace.newest(folder), steps)
