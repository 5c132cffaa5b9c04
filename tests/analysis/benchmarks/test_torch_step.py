"""The twin in PyTorch has our loss, our gradients and our count of operations."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_step

from selfsup import networks
from selfsup.analysis.benchmarks import flops, step, synthetic

import fakes

torch = pytest.importorskip("torch", reason="PyTorch is only needed to compare with")
flop_counter = pytest.importorskip("torch.utils.flop_counter")


def _ours(config):
    """Our model in double precision, whose shifts are zero: the twin has none."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        network = networks.ARCHITECTURES[config.network]
        dropout = {"dropout": 0.0} if "dropout" in network.options else {}
        backbone = network.builder(width=config.width, **dropout)
        model = step.with_head(backbone, config, config.hypercolumn)
    finally:
        keras.config.set_dtype_policy(before)
    fakes.randomize(model, bias=0.1)
    for variable in model.variables:
        if variable.name == "shift":
            variable.assign(keras.ops.zeros_like(variable))
    return model


def _loss_and_gradients(model, batch):
    with tf.GradientTape() as tape:
        outputs = model({"gray": batch.gray, "points": batch.points}, training=True)
        loss = step.loss(outputs, batch)
    variables = [variable.value for variable in model.trainable_variables]
    gradients = tape.gradient(loss, variables)
    return float(loss), [tf.convert_to_tensor(g).numpy() for g in gradients]


def _copied(model, twin, network):
    """Copies all weights by name; returns our variables' twins."""
    twins = {}
    for name, (weight, bias) in twin.named_weights().items():
        layer = model.get_layer(name)
        if isinstance(layer, keras.layers.Dense):
            pairs = [(layer.kernel, weight), (layer.bias, bias)]
        else:
            own = model.get_layer(network.names_after(name)[1])
            pairs = [(layer.kernel, weight), (own.bias, bias)]
        for variable, parameter in pairs:
            array = np.transpose(variable.numpy(), _axes(variable.shape))
            parameter.data.copy_(torch.from_numpy(array.copy()))
            twins[variable.path] = parameter
    return twins


def _axes(shape):
    """The order of a variable's axes in PyTorch: outputs first."""
    return {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[len(shape)]


@pytest.mark.parametrize(
    "network, hypercolumn, width, size",
    [("vgg16", True, 1 / 20, 45), ("vgg16", False, 1 / 20, 33)]
    + [("resnet152", False, 1 / 32, 70)],
)
def test_loss_gradients_and_operations_are_ours(network, hypercolumn, width, size):
    from selfsup.analysis.benchmarks import torch_step

    config = tiny_step.config(
        network=network, hypercolumn=hypercolumn, width=width, crop_size=size
    )
    batch = synthetic.batch(3, size, config.points)
    architecture = networks.ARCHITECTURES[network]
    twin = torch_step.Colorizer(network, hypercolumn, width, config.hidden, 0.0)
    twin = twin.double()
    model = _ours(config)
    twins = _copied(model, twin, architecture)
    loss, gradients = _loss_and_gradients(model, batch)
    tensors = torch_step.on_device(batch, "cpu")
    tensors = tensors._replace(gray=tensors.gray.double())
    with flop_counter.FlopCounterMode(display=False) as counter:
        found = torch_step.loss(twin, tensors)
        found.backward()
    assert found.item() == pytest.approx(loss, rel=1e-5)
    assert len(twins) == len(model.trainable_variables)
    norms = []
    for variable, expected in zip(model.trainable_variables, gradients, strict=True):
        gradient = twins[variable.path].grad.numpy()
        expected = np.transpose(expected, _axes(expected.shape))
        norms.append((np.linalg.norm(gradient), np.linalg.norm(expected)))
        difference = np.linalg.norm(gradient - expected)
        assert difference <= 1e-4 * norms[-1][1] + 1e-6, variable.path
    own, ours = (math.hypot(*column) for column in zip(*norms, strict=True))
    assert own == pytest.approx(ours, rel=1e-5)
    counted = flops.of_step(model, size, config.points)
    assert counter.get_total_flops() == len(batch.gray) * counted


def test_a_step_is_timed_and_moves_the_weights_as_ours():
    from selfsup.analysis.benchmarks import torch_step

    config = tiny_step.config(network="vgg16", crop_size=33, compile=False)
    found = torch_step.measure(config)
    assert found["losses"][1] < found["losses"][0]
    assert len(found["seconds"]) == config.rounds

    weights = [torch.nn.Parameter(torch.full(s, 2.0)) for s in ((2, 3), (3,))]
    optimizer = torch_step.caffe_sgd(torch.nn.ParameterList(weights))
    for _ in range(2):
        for weight in weights:
            weight.grad = torch.ones_like(weight)
        optimizer.step()
    # v <- 0.9 v + rate (g + wd w), the bias at twice the rate, undecayed.
    kernel, speed = 2.0, 0.0
    for _ in range(2):
        speed = 0.9 * speed + 1e-3 * (1 + 5e-4 * kernel)
        kernel -= speed
    assert weights[0][0, 0].item() == pytest.approx(kernel, rel=1e-6)
    assert weights[1][0].item() == pytest.approx(2 - 2e-3 * 2.9, rel=1e-6)
