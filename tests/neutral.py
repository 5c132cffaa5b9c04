"""What every backend of Keras must answer alike: layers, losses, a training step."""

import warnings

import keras
import numpy as np

from selfsup import heads, layers, losses, networks
from selfsup.training import optimizers

import contracts
import fakes
from contracts import ramp

_TAPS = dict(strides=[1, 1, 2, 8], offsets=[0, 0, 0.5, 3.5])


def _taps(*channels):
    sizes = [(9, 11), (9, 11), (5, 6), (1, 1)]
    return [ramp(2, *size, c) for size, c in zip(sizes, channels, strict=True)]


def _points():
    return ramp(2, 7, 2, low=-3, high=14)


def _head():
    hidden = keras.layers.Dense(6, activation="relu")
    # Not in alphabetic order: saving must not confuse them.
    outputs = {"hue": keras.layers.Dense(4), "chroma": keras.layers.Dense(4)}
    return layers.DenseHead(hidden, outputs, tile_size=6, **_TAPS)


# Name of the case: (function that makes the layer, arguments of the call).
LAYERS = {
    "bias": (layers.Bias, [ramp(2, 5, 4, 3)]),
    "bias_plain_border": (lambda: layers.Bias(False), [ramp(2, 5, 4, 3)]),
    "conv_zeros": (
        lambda: layers.BiasPaddedConv2D(4, 3, padding=1),
        [ramp(2, 6, 5, 3)],
    ),
    "conv_border": (
        lambda: layers.BiasPaddedConv2D(4, (3, 2), 2, ((1, 2), (0, 1)), groups=2),
        [ramp(2, 6, 5, 4), ramp(4)],
    ),
    "conv_dilated": (
        lambda: layers.BiasPaddedConv2D(4, 3, padding=(2, 1), dilation_rate=2),
        [ramp(2, 7, 6, 3), ramp(3)],
    ),
    "lrn": (
        lambda: layers.LocalResponseNormalization(alpha=0.1),
        [ramp(2, 5, 4, 6)],
    ),
    "lrn_border": (layers.LocalResponseNormalization, [ramp(6)]),
    "pool": (lambda: layers.CeilMaxPooling2D(3, 2), [ramp(2, 6, 5, 3)]),
    "pool_padded": (lambda: layers.CeilMaxPooling2D(3, 2, 1), [ramp(2, 6, 5, 3)]),
    "pool_same": (lambda: layers.CeilMaxPooling2D(2, 2), [ramp(2, 6, 5, 3)]),
    "sparse": (
        lambda: layers.SparseHypercolumn(**_TAPS),
        [_taps(2, 1, 3, 4), _points()],
    ),
    "dense": (
        lambda: layers.DenseHypercolumn(output_stride=2, **_TAPS),
        [_taps(2, 1, 3, 4), ramp(2, 9, 11, 1)],
    ),
    "head": (_head, [_taps(2, 1, 3, 4), ramp(2, 9, 11, 1)]),
}

LOSSES = (
    losses.HistogramKL(),
    losses.LabL2(scale=0.25),
    losses.MaskedCrossEntropy(ignore=7),
    losses.MaskedBinaryCrossEntropy(ignore=7, reduction="sum"),
)


def layer_outputs():
    """Returns the outputs and the gradients of every layer, as arrays by name."""
    found = {}
    for name, (make, inputs) in LAYERS.items():
        outputs, gradients = contracts.outputs_and_gradients(make(), inputs)
        found |= {f"{name}/{i}": x for i, x in enumerate(outputs)}
        found |= {f"{name}/gradient/{i}": x for i, x in enumerate(gradients)}
    return found


def labels_and_logits(shape, classes, void=0.3, seed=2):
    """Returns labels, some of them void (255), and logits."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, shape).astype(np.uint8)
    labels[rng.random(shape) < void] = 255
    return labels, rng.normal(0, 3, (*shape, classes)).astype(np.float32)


def targets_and_predictions(loss):
    """Returns an example for one of `LOSSES`, with points to ignore if it ignores."""
    rng = np.random.default_rng(1)
    if isinstance(loss, losses.MaskedCrossEntropy):
        labels, logits = labels_and_logits((3, 5), classes=4)
        return np.where(labels == 255, loss.ignore, labels), logits
    logits = rng.normal(0, 3, (3, 5, 2)).astype(np.float32)
    if isinstance(loss, losses.MaskedBinaryCrossEntropy):
        return rng.choice([0, 1, loss.ignore], (3, 5)), logits[..., 0]
    return rng.dirichlet(np.ones(2), (3, 5)).astype(np.float32), logits


def value_and_gradient(loss, y_true, y_pred, weight=None):
    """Returns a loss and its gradient to the predictions, float32."""
    y_pred = keras.ops.convert_to_tensor(y_pred)
    if keras.backend.backend() == "jax":
        import jax

        step = jax.jit(jax.value_and_grad(lambda z: loss(y_true, z, weight)))
        value, gradient = step(y_pred)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred, weight)
        gradient = tape.gradient(value, y_pred)
    return float(value), keras.ops.convert_to_numpy(gradient)


def loss_values():
    """Returns the value and the gradient of every loss, as arrays by name."""
    found = {}
    for loss in LOSSES:
        value, gradient = value_and_gradient(loss, *targets_and_predictions(loss))
        found[f"{loss.name}/value"] = np.asarray(value)
        found[f"{loss.name}/gradient"] = gradient
    return found


def colorizer(name="vgg16", hypercolumn=True, network=None, **kwargs):
    """Builds a tiny colorizer of 5 bins."""
    backbone = fakes.network(name, **(network or {}))
    taps = networks.taps(backbone)
    kwargs = {"bins": 5, "hidden": 6, **kwargs}
    return heads.colorizer(backbone, taps if hypercolumn else taps[-1:], **kwargs)


def compiled_colorizer(optimizer="sgd", jit_compile="auto", eager=False, **kwargs):
    """Builds a tiny colorizer that is ready to `fit`."""
    model = fakes.randomize(colorizer(dropout=0.0, **kwargs), bias=0.1)
    model.compile(
        optimizer,
        loss={"hue": losses.HistogramKL(), "chroma": losses.HistogramKL()},
        loss_weights={"hue": 5, "chroma": 1},
        jit_compile=jit_compile,
        run_eagerly=eager,
    )
    return model


def color_batch(size=33, batch=2, points=7, bins=5):
    """Returns a batch as the pipeline makes them, the same on every machine."""
    rng = np.random.default_rng(0)
    inputs = {
        "gray": fakes.image(batch, size, size, 1),
        "points": rng.integers(0, size, (batch, points, 2)).astype("float32"),
    }
    targets, weights = {}, {}
    for name in ("hue", "chroma"):
        histograms = rng.dirichlet(np.ones(bins), (batch, points))
        targets[name] = histograms.astype("float32")
        weights[name] = rng.random((batch, points)).astype("float32")
    return inputs, targets, weights


def training_step():
    """Trains a tiny VGG-16 for one step of `CaffeSGD` by plain Keras.

    In double precision: 15 normalizations of 16 pixels turn single precision's
    rounding errors into up to 7e-5 of the gradient.

    Returns:
        The loss, the gradients that the optimizer applied and the variables that
        the step itself changed, as arrays by name.
    """
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float64")
        return _training_step()
    finally:
        keras.config.set_dtype_policy(policy)


def _training_step():
    network = {"padding": "bias", "normalization": "plain", "dropout": 0.0}
    # Numbers that no type rounds.
    rate, decay = 0.5, 2.0**-11
    model = compiled_colorizer(
        optimizers.CaffeSGD(rate, kernel_decay=decay, bias_multiplier=2.0),
        # On TensorFlow one step is faster than its graph.
        eager=keras.backend.backend() == "tensorflow",
        network=network,
    )
    before = [_array(variable) for variable in model.trainable_variables]
    with warnings.catch_warnings():
        # Of TensorFlow and Keras themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        loss, *_ = model.train_on_batch(*color_batch(size=64, batch=4))
    found = {"loss": np.asarray(loss)}
    for variable, old in zip(model.trainable_variables, before, strict=True):
        moved = (old - _array(variable)) / rate
        # Caffe: kernels decay, biases move at twice the rate.
        gradient = moved - decay * old if old.ndim > 1 else moved / 2
        found[f"gradient/{variable.path}"] = gradient
    for variable in model.non_trainable_variables:
        if variable.name != "seed_generator_state":
            found[f"after/{variable.path}"] = _array(variable)
    return found


def _array(variable):
    return np.array(keras.ops.convert_to_numpy(variable.value))
