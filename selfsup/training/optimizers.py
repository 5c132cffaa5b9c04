"""Optimizers and learning rate schedules of the trainers."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="selfsup")
class CaffeSGD(keras.optimizers.SGD):
    """Stochastic gradient descent with momentum, as in Caffe's solver.

    `v <- m v - lr (g + wd w); w <- w + v`. The decay is added to the gradient,
    where Keras' own `weight_decay` shrinks the weight past the momentum. It
    applies to kernels (rank above 1); biases move at a multiple of the rate
    (the released `solver_vgg16.prototxt` and its `lr_mult`).

    Args:
        learning_rate: Rate or schedule.
        momentum: Factor on the last update.
        kernel_decay: Factor `wd` on kernels.
        bias_multiplier: Factor on the rate of variables named `bias`.
        **kwargs: Further arguments of `keras.optimizers.SGD`.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> model.compile(CaffeSGD(0.01, kernel_decay=1e-4), loss="mse")
    """

    def __init__(
        self,
        learning_rate=1e-3,
        momentum=0.9,
        kernel_decay=5e-4,
        bias_multiplier=2.0,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.kernel_decay = kernel_decay
        self.bias_multiplier = bias_multiplier

    def update_step(self, gradient, variable, learning_rate):
        if len(variable.shape) > 1:
            decay = ops.cast(self.kernel_decay, gradient.dtype)
            gradient = gradient + decay * ops.convert_to_tensor(variable)
        elif _is_bias(variable):
            learning_rate = learning_rate * self.bias_multiplier
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_decay": self.kernel_decay,
            "bias_multiplier": self.bias_multiplier,
        }


def _is_bias(variable):
    # On the second device of several it is called bias/replica_1.
    name = variable.name.split(":")[0].split("/replica_")[0]
    return name.split("/")[-1] == "bias"


@keras.saving.register_keras_serializable(package="selfsup")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Multiplies a schedule by a factor that first grows linearly to 1.

    Args:
        schedule: A Keras `LearningRateSchedule`. It counts from step 0, not from the
            end of the warmup.
        steps: Steps until the full rate.

    Example:

    >>> constant = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 1.0)
    >>> [float(Warmup(constant, steps=4)(step)) for step in range(5)]
    [0.125, 0.25, 0.375, 0.5, 0.5]
    """

    def __init__(self, schedule, steps):
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        return self.schedule(step) * ops.minimum((step + 1.0) / self.steps, 1.0)

    def get_config(self):
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config):
        """Builds the schedule from what `get_config` returned."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["steps"])


def learning_rate_schedule(kind, rate, steps, warmup=0.0):
    """Returns the learning rate as a function of the step.

    Args:
        kind: `"multistep"`: a tenth after 2/3 of the steps and again after
            5/6 (paper section 4.1: two drops); `"cosine"`: half a cosine to 0;
            `"constant"`: the same all the time (paper Figure 4).
        rate: Rate at the start.
        steps: Length of the run.
        warmup: Share of the steps in which the rate first grows.

    Returns:
        A Keras `LearningRateSchedule`.

    Example:

    >>> schedule = learning_rate_schedule("multistep", 0.5, steps=12)
    >>> [round(float(schedule(step)), 3) for step in (7, 8, 10)]
    [0.5, 0.05, 0.005]
    """
    if kind == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    elif kind == "constant":
        # A decay by nothing: Keras has no constant schedule.
        schedule = keras.optimizers.schedules.ExponentialDecay(rate, 1, 1.0)
    else:
        # The rate at step `boundary` is still the old one.
        boundaries = [max(0, steps * 2 // 3 - 1), max(1, steps * 5 // 6 - 1)]
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            boundaries, [rate, 0.1 * rate, 0.01 * rate]
        )
    warmup_steps = math.floor(warmup * steps)
    return Warmup(schedule, warmup_steps) if warmup_steps else schedule


def run_momentum(momentum, steps):
    """Limits the momentum of an average so that it forgets a run's beginning.

    Args:
        momentum: Momentum for long runs.
        steps: Length of the run.

    Returns:
        `momentum`, or less: an average over at most a twentieth of the run.

    Example:

    >>> run_momentum(0.999, steps=1000), run_momentum(0.999, steps=10**6)
    (0.98, 0.999)
    """
    return min(momentum, max(0.0, 1.0 - 20.0 / steps))


def make_optimizer(config, steps):
    """Builds the optimizer that a configuration describes.

    Args:
        config: A configuration with the fields `optimizer`, `schedule`,
            `learning_rate`, `warmup`, `weight_decay` and `ema`.
        steps: Length of the run.

    Returns:
        A Keras optimizer.
    """
    schedule = learning_rate_schedule(
        config.schedule, config.learning_rate, steps, config.warmup
    )
    average = {}
    if config.ema:
        average = dict(use_ema=True, ema_momentum=run_momentum(config.ema, steps))
    if config.optimizer == "sgd":
        return CaffeSGD(schedule, kernel_decay=config.weight_decay, **average)
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=config.weight_decay, **average
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    return optimizer
