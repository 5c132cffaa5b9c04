"""The optimizer against a NumPy solver, schedules as lists."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.training import ColorizationConfig, optimizers


def _model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.layers[0].kernel.assign(np.arange(6, dtype=np.float32).reshape(3, 2) / 10)
    return model


@pytest.mark.parametrize("compiled", [False, True])
def test_caffe_sgd_equals_a_numpy_solver(compiled):
    model = _model()
    sgd = optimizers.CaffeSGD(0.1, momentum=0.9, kernel_decay=0.5, bias_multiplier=2.0)
    sgd.build(model.trainable_variables)
    kernel, bias = (variable.numpy() for variable in model.trainable_variables)
    velocity = [np.zeros_like(kernel), np.zeros_like(bias)]
    apply = lambda g: sgd.apply(g, model.trainable_variables)  # noqa: E731
    apply = tf.function(apply, jit_compile=True) if compiled else apply
    rng = np.random.default_rng(0)
    for _ in range(4):
        gradients = [
            rng.normal(size=(3, 2)).astype(np.float32),
            rng.normal(size=2).astype(np.float32),
        ]
        apply([tf.constant(gradient) for gradient in gradients])
        # Caffe: v <- m v + lr (g + wd w), the bias at twice the rate, undecayed.
        velocity[0] = 0.9 * velocity[0] + 0.1 * (gradients[0] + 0.5 * kernel)
        velocity[1] = 0.9 * velocity[1] + 0.2 * gradients[1]
        kernel, bias = kernel - velocity[0], bias - velocity[1]
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), kernel, atol=1e-6)
    np.testing.assert_allclose(model.layers[0].bias.numpy(), bias, atol=1e-6)


def test_caffe_sgd_config_round_trip():
    sgd = optimizers.CaffeSGD(
        optimizers.Warmup(keras.optimizers.schedules.CosineDecay(0.1, 10), 5),
        kernel_decay=0.25,
    )
    config = keras.saving.serialize_keras_object(sgd)
    again = keras.saving.deserialize_keras_object(config)
    assert again.kernel_decay == 0.25
    schedules = (sgd._learning_rate, again._learning_rate)
    assert [float(s(3)) for s in schedules] == [float(sgd._learning_rate(3))] * 2


def _rates(kind, steps, **kwargs):
    schedule = optimizers.learning_rate_schedule(kind, 1.0, steps, **kwargs)
    return [round(float(schedule(step)), 4) for step in range(steps)]


def test_multistep_drops_after_two_thirds_and_five_sixths():
    expected = [1.0] * 8 + [0.1] * 2 + [0.01] * 2
    assert _rates("multistep", 12) == expected


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_multistep_of_a_few_steps_never_rises(steps):
    rates = _rates("multistep", steps)
    assert len(rates) == steps and rates == sorted(rates, reverse=True)


def test_a_constant_rate():
    assert _rates("constant", 5) == [1.0] * 5


def test_cosine_with_warmup():
    rates = _rates("cosine", 10, warmup=0.3)
    whole = [0.5 * (1 + np.cos(np.pi * step / 10)) for step in range(10)]
    ramp = [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 1, 1]
    expected = [w * r for w, r in zip(whole, ramp, strict=True)]
    np.testing.assert_allclose(rates, expected, atol=1e-4)


def test_adam_decays_kernels_only():
    config = ColorizationConfig.from_preset(
        weight_decay=0.1, learning_rate=0.5, warmup=0.0
    )
    adam = optimizers.make_optimizer(config, 10)
    model = _model()
    model.layers[0].bias.assign([1.0, 1.0])
    before = model.layers[0].kernel.numpy()
    adam.build(model.trainable_variables)
    zeros = [tf.zeros(variable.shape) for variable in model.trainable_variables]
    adam.apply(zeros, model.trainable_variables)
    kernel = model.layers[0].kernel.numpy()
    np.testing.assert_allclose(kernel, before * (1 - 0.05), rtol=1e-6)
    np.testing.assert_array_equal(model.layers[0].bias.numpy(), [1.0, 1.0])
