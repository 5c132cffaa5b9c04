"""Two replicas train like one device; precision and averages come and go."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.training import strategies

# Logical devices must be made before TensorFlow starts: hence a process.
_SCRIPT = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from selfsup import training
from selfsup.training.strategies import default_strategy
two = default_strategy()
assert two.num_replicas_in_sync == 2, two
for normalization in sys.argv[2:]:
    config = training.ColorizerConfig.from_preset(
        network="alexnet", normalization=normalization, width=0.03, hidden=8,
        crop_size=64, points=16, batch_size=8, steps=1, optimizer="sgd",
        learning_rate=0.1, schedule="multistep", warmup=0.0, val_fraction=0.0,
        dropout=0.0)
    keras.utils.set_random_seed(config.seed)
    first = training.build_colorizer(config)[1].trainable_variables
    arrays = {"first": [v.numpy() for v in first]}
    for name, strategy in (("two", two), ("one", tf.distribute.get_strategy())):
        workdir = f"{sys.argv[1]}/{normalization}-{name}"
        training.train_colorizer(config, workdir, strategy=strategy)
        model = keras.models.load_model(workdir + "/colorizer.keras")
        arrays[name] = [v.numpy() for v in model.trainable_variables]
        # The flag of synchronisation must not travel: JAX refuses such a file.
        assert not any(getattr(layer, "synchronized", False) for layer in model.layers)
    flat = {k: np.concatenate([a.ravel() for a in v]) for k, v in arrays.items()}
    np.savez(f"{sys.argv[1]}/{normalization}.npz", **flat)
"""


# Relative to what the step changed. Normalisation over the last maps, of one
# pixel and eight images, magnifies rounding; gradients counted twice would be
# off by 1.
@pytest.mark.parametrize(
    "normalization, tolerance",
    [pytest.param("none", 1e-5, marks=pytest.mark.slow), ("plain", 1e-2)],
)
def test_two_replicas_equal_one_device(normalization, tolerance, tmp_path):
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path), normalization]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    weights = np.load(tmp_path / f"{normalization}.npz")
    change = np.linalg.norm(weights["one"] - weights["first"])
    difference = np.linalg.norm(weights["two"] - weights["one"])
    assert change > 0
    assert difference < tolerance * change, difference / change


def test_one_device_needs_no_strategy():
    assert strategies.default_strategy().num_replicas_in_sync == 1


def test_precision_holds_inside_only():
    with strategies.precision("bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
        assert keras.layers.Dense(1).variable_dtype == "float32"
    assert keras.layers.Dense(1).compute_dtype == "float32"


def test_averaged_weights_are_those_of_the_recursion():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    optimizer.build(model.trainable_variables)
    model.layers[0].kernel.assign([[0.0]])
    average = None
    for gradient in (1.0, -2.0, 4.0):
        optimizer.apply([tf.constant([[gradient]])], model.trainable_variables)
        value = float(model.layers[0].kernel[0, 0])
        average = value if average is None else 0.75 * average + 0.25 * value
    with strategies.averaged_weights(model, optimizer):
        assert float(model.layers[0].kernel[0, 0]) == pytest.approx(average)
    assert float(model.layers[0].kernel[0, 0]) == -1.5
