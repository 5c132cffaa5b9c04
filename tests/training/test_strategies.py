"""Two replicas train like one device; precision and averages come and go."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.training import strategies
from selfsup.training.config import ColorizerConfig

# Logical devices must be made before TensorFlow starts: hence the processes.
_SCRIPT = """
import json, sys
import keras, numpy as np, tensorflow as tf
workdir, devices = sys.argv[1], int(sys.argv[2])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
from selfsup import training
config = training.ColorizerConfig.from_preset(
    width=0.03, hidden=8, crop_size=32, points=16, batch_size=4, steps=4,
    log_every=2, eval_every=4, optimizer="sgd", learning_rate=0.01, warmup=0.0)
training.train_colorizer(config, workdir)
model = keras.models.load_model(workdir + "/colorizer.keras")
np.savez(workdir + "/weights.npz", *model.get_weights())
flags = [layer.synchronized for layer in model.layers
         if isinstance(layer, keras.layers.BatchNormalization)]
print(json.dumps({"synchronized": any(flags), "normalized": len(flags)}))
"""


def _run(workdir, devices):
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(workdir), str(devices)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    weights = np.load(workdir / "weights.npz")
    return json.loads(done.stdout.splitlines()[-1]), [weights[k] for k in weights.files]


def test_two_replicas_equal_one_device(tmp_path):
    about_one, one = _run(tmp_path / "one", 1)
    about_two, two = _run(tmp_path / "two", 2)
    assert about_two == about_one and about_one["normalized"] == 15
    # The flag for synchronisation must not travel in the file: JAX refuses it.
    assert not about_two["synchronized"]
    # 1e-4: four steps of rounding through 15 normalisations; a replica that
    # went its own way, or gradients counted twice, are off by 1e-2 and more.
    for alone, shared in zip(one, two, strict=True):
        np.testing.assert_allclose(shared, alone, rtol=1e-3, atol=1e-4)
    logs = [
        (tmp_path / name / "log.csv").read_text().splitlines()
        for name in ("one", "two")
    ]
    assert len(logs[0]) == len(logs[1]) == 3


def test_one_device_needs_no_strategy():
    assert strategies.default_strategy().num_replicas_in_sync == 1


def test_precision_holds_inside_only():
    with strategies.precision("bfloat16"):
        assert keras.layers.Dense(1).compute_dtype == "bfloat16"
        assert keras.layers.Dense(1).variable_dtype == "float32"
    assert keras.layers.Dense(1).compute_dtype == "float32"


def test_bfloat16_colorizer_keeps_float32_weights_and_logits():
    from selfsup.training import build_colorizer

    config = ColorizerConfig.from_preset(width=0.03, hidden=8, precision="bfloat16")
    _, model = build_colorizer(config)
    assert {w.dtype for w in model.trainable_weights} == {"float32"}
    outputs = model({"gray": np.zeros((1, 32, 32, 1)), "points": np.zeros((1, 2, 2))})
    assert {output.dtype for output in outputs.values()} == {tf.float32}
    assert model.get_layer("conv3_1").compute_dtype == "bfloat16"


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
