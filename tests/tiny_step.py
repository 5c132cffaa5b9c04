"""A tiny AlexNet and its optimizer, the same on every backend of Keras."""

import warnings

import keras
import numpy as np

from selfsup import losses
from selfsup.analysis.benchmarks import step, synthetic
from selfsup.analysis.benchmarks.configs import StepConfig
from selfsup.training.optimizers import CaffeSGD

import fakes

# Images, their height and width, points.
SIZES = 4, 64, 7


def config(**kwargs):
    """Returns what is timed, without dropout, in single precision."""
    batch_size, crop_size, points = SIZES
    values = dict(
        network="alexnet",
        width=fakes.WIDTH,
        hidden=6,
        batch_size=batch_size,
        crop_size=crop_size,
        points=points,
        precision="float32",
        dropout=0.0,
        steps=2,
        rounds=3,
        product_size=32,
    )
    return StepConfig(**{**values, **kwargs})


def model_and_optimizer(**kwargs):
    """Builds both; the rate is large, so that a step moves the weights."""
    model = fakes.randomize(step.colorizer(config(**kwargs)), bias=0.1)
    optimizer = CaffeSGD(0.5)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def arrays(model):
    """Returns the values of all variables by their paths."""
    return {
        variable.path: np.array(keras.ops.convert_to_numpy(variable.value))
        for variable in model.variables
        if variable.name != "seed_generator_state"
    }


def trained_by_keras():
    """Trains for one step by `train_on_batch`.

    Returns:
        A pair: the model and the loss.
    """
    model, optimizer = model_and_optimizer()
    batch = synthetic.batch(*SIZES)
    model.compile(
        optimizer,
        loss={name: losses.HistogramKL() for name in step.LOSS_WEIGHTS},
        loss_weights=step.LOSS_WEIGHTS,
        run_eagerly=True,
    )
    inputs = {"gray": batch.gray, "points": batch.points}
    with warnings.catch_warnings():
        # Of TensorFlow and Keras themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        loss, *_ = model.train_on_batch(inputs, batch.targets, batch.weights)
    return model, float(loss)
