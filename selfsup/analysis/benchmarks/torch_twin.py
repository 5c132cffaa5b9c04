"""Whether the colorizer in PyTorch is ours: loss and gradients of the same weights."""

import dataclasses
import importlib
import math

import keras
import numpy as np
import torch

from selfsup import networks
from selfsup.analysis.benchmarks import step, synthetic, torch_step
from selfsup.analysis.benchmarks.torch_networks import Colorizer

# What is compared: a narrow network on two small images, in seconds.
_WIDTH, _SIZES = 1 / 16, {"batch_size": 2, "crop_size": 64, "points": 16, "hidden": 32}

# In single precision, through all normalizations.
_TOLERANCE = 0.01

_MODULES = {"tensorflow": "tf_step", "jax": "jax_step"}


def compare(config):
    """Compares loss and gradient of both models, narrow and without dropout.

    Args:
        config: A `StepConfig`; its network and its `hypercolumn` count.

    Returns:
        A dict of `twin_loss` and `twin_gradient_norm`, each a pair of ours and that in
        PyTorch.

    Raises:
        RuntimeError: If they differ.
    """
    width = min(config.width, _WIDTH)
    small = dataclasses.replace(
        config, **_SIZES, width=width, dropout=0.0, precision="float32"
    )
    model = step.colorizer(small)
    _randomize(model)
    twin = Colorizer(small.network, small.hypercolumn, width, small.hidden, 0.0)
    twins = copy_weights(model, twin, networks.ARCHITECTURES[small.network])
    batch = synthetic.batch(small.batch_size, small.crop_size, small.points)
    ours = loss_and_gradients(model, batch)
    loss, found = loss_and_gradients_of_twin(twin, twins, batch)
    gradients = [found[variable.path] for variable in model.trainable_variables]
    pairs = {
        "twin_loss": (ours[0], loss),
        "twin_gradient_norm": (_norm(ours[1]), _norm(gradients)),
    }
    for name, (one, other) in pairs.items():
        if not math.isclose(one, other, rel_tol=_TOLERANCE):
            raise RuntimeError(
                "The model in PyTorch is not ours. Expected equal losses and norms of "
                f"gradients. Received: {name.removeprefix('twin_')} {one} and {other}"
            )
    return pairs


def _randomize(model):
    """Gives all layers weights that matter: a hidden layer's are tiny at first."""
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        fan_in = math.prod(variable.shape[:-1]) if len(variable.shape) > 1 else 100
        variable.assign(rng.normal(0, fan_in**-0.5, variable.shape))


def _norm(gradients):
    return math.hypot(*(float(np.linalg.norm(gradient)) for gradient in gradients))


def loss_and_gradients(model, batch):
    """Computes our loss of a batch and its gradients, on the backend at hand."""
    name = _MODULES[keras.backend.backend()]
    module = importlib.import_module(f"selfsup.analysis.benchmarks.{name}")
    return module.loss_and_gradients(model, step.loss, batch)


def loss_and_gradients_of_twin(twin, twins, batch):
    """Computes the loss of a batch and its gradients in PyTorch, on the CPU.

    Args:
        twin: A `Colorizer`.
        twins: What `copy_weights` returned.
        batch: A `synthetic.Batch`.

    Returns:
        A pair: a float, and a dict from the paths of our variables to arrays that lie
        as they do.
    """
    tensors = torch_step.on_device(batch, "cpu")
    dtype = next(twin.parameters()).dtype
    loss = torch_step.loss(twin, tensors._replace(gray=tensors.gray.to(dtype)))
    loss.backward()
    return loss.item(), {
        path: np.transpose(parameter.grad.numpy(), np.argsort(axes(parameter.shape)))
        for path, parameter in twins.items()
    }


def copy_weights(model, twin, network):
    """Copies all kernels and biases of a colorizer by their names.

    Args:
        model: Our colorizer; its shifts must be 0, as the twin has none.
        twin: A `Colorizer` of the same network.
        network: The `Architecture`.

    Returns:
        Dict from the paths of our variables to their twins.
    """
    twins = {}
    for name, (weight, bias) in twin.named_weights().items():
        layer = model.get_layer(name)
        if isinstance(layer, keras.layers.Dense):
            pairs = [(layer.kernel, weight), (layer.bias, bias)]
        else:
            own = model.get_layer(network.names_after(name)[1])
            pairs = [(layer.kernel, weight), (own.bias, bias)]
        for variable, parameter in pairs:
            array = keras.ops.convert_to_numpy(variable.value)
            array = np.transpose(array, axes(array.shape)).copy()
            parameter.data.copy_(torch.from_numpy(array))
            twins[variable.path] = parameter
    return twins


def axes(shape):
    """Returns the order of a variable's axes in PyTorch: outputs first."""
    return {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[len(shape)]
