"""Which devices a run uses."""

import contextlib

import keras
import tensorflow as tf

from selfsup.weights import nesting


def default_strategy():
    """Returns the strategy for this machine's visible devices.

    Returns:
        `tf.distribute.MirroredStrategy` over all GPUs, or over all logical CPUs
        if there are several and no GPU; else the default strategy.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def synchronized_normalization(model, strategy):
    """Lets batch normalization see the whole batch while there are replicas.

    Without it the statistics of the replicas drift apart. The flag is cleared
    afterwards, because JAX refuses a model that has it.

    Args:
        model: A Keras model.
        strategy: The strategy that trains it.

    Yields:
        Nothing.
    """
    normalizations = [
        layer
        for layer in nesting.all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in normalizations:
        layer.synchronized = strategy.num_replicas_in_sync > 1
    try:
        yield
    finally:
        for layer in normalizations:
            layer.synchronized = False


@contextlib.contextmanager
def precision(name):
    """Builds the layers inside it with a precision.

    Args:
        name: `"float32"` or `"bfloat16"` (compute; the variables are float32).

    Yields:
        Nothing.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if name == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def averaged_weights(model, optimizer):
    """Puts the moving average of the weights in place of the weights.

    Args:
        model: A Keras model.
        optimizer: Its optimizer; without `use_ema` nothing happens.

    Yields:
        Nothing.
    """
    if not optimizer.use_ema:
        yield
        return
    variables = model.trainable_variables
    current = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, current, strict=True):
            variable.assign(value)
