"""The twin in PyTorch has our loss, our gradients and our count of operations."""

import math

import keras
import numpy as np
import pytest
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


@pytest.mark.parametrize(
    "network, hypercolumn, width, size",
    [("vgg16", True, 1 / 20, 45), ("vgg16", False, 1 / 20, 33)]
    + [("resnet152", False, 1 / 32, 70)],
)
def test_loss_gradients_and_operations_are_ours(network, hypercolumn, width, size):
    from selfsup.analysis.benchmarks import torch_step, torch_twin

    config = tiny_step.config(
        network=network, hypercolumn=hypercolumn, width=width, crop_size=size
    )
    batch = synthetic.batch(3, size, config.points)
    architecture = networks.ARCHITECTURES[network]
    twin = torch_step.Colorizer(network, hypercolumn, width, config.hidden, 0.0)
    twin = twin.double()
    model = _ours(config)
    twins = torch_twin.copy_weights(model, twin, architecture)
    loss, gradients = torch_twin.loss_and_gradients(model, batch)
    with flop_counter.FlopCounterMode(display=False) as counter:
        found, own = torch_twin.loss_and_gradients_of_twin(twin, twins, batch)
    assert found == pytest.approx(loss, rel=1e-5)
    assert len(twins) == len(model.trainable_variables)
    norms = []
    for variable, expected in zip(model.trainable_variables, gradients, strict=True):
        gradient = own[variable.path]
        norms.append((np.linalg.norm(gradient), np.linalg.norm(expected)))
        difference = np.linalg.norm(gradient - expected)
        assert difference <= 1e-4 * norms[-1][1] + 1e-6, variable.path
    theirs, ours = (math.hypot(*column) for column in zip(*norms, strict=True))
    assert theirs == pytest.approx(ours, rel=1e-5)
    counted = flops.of_step(model, size, config.points)
    assert counter.get_total_flops() == len(batch.gray) * counted


def test_a_step_is_timed_and_moves_the_weights_as_ours():
    from selfsup.analysis.benchmarks import torch_step

    config = tiny_step.config(network="vgg16", crop_size=33, compile=False)
    found = torch_step.measure(config, range(config.rounds))
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
