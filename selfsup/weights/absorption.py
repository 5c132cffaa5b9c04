"""Batch normalisation absorbed into the convolution before it."""

import numpy as np

from selfsup import networks
from selfsup.networks import units
from selfsup.weights import copies, transfer


def absorb(model):
    """Removes batch normalisation without changing the function at inference.

    Downstream networks train without it (paper section 5). With
    `sigma = sqrt(variance + epsilon)`, each kernel is multiplied by
    `gamma / sigma`, and `-mean * gamma / sigma` is added to `shift`. The
    authors' code adds it to the bias; there it would change the border of
    the next convolution, here padding with the bias gives the same values as
    before.

    Args:
        model: A VGG or AlexNet, or a model with a head on one. It stays as it
            is.

    Returns:
        A new `keras.Model` whose network has `normalization="none"`. Of a
        network that has none already it is an equal copy.

    Raises:
        ValueError: If the network is a ResNet with normalisation, or none of
            ours.
    """
    if networks.describe(model)["normalization"] == "none":
        return copies.copy(model)
    if networks.ARCHITECTURES[networks.recognize(model)].residual:
        raise ValueError(
            "Batch normalisation cannot be absorbed: a ResNet keeps its "
            "normalisation (paper section 5). Expected a VGG or AlexNet. "
            f"Received: model={model.name!r}"
        )
    values = transfer.arrays(model)
    found = {layer.name: layer for layer in model.layers}
    absorbed = set()
    for name in found:
        batch, bias, _ = units.sequential_names(name)
        if batch in found:
            _absorb_one(values, name, batch, bias, found[batch].epsilon)
            absorbed.add(batch)
    return copies.copy(model, values, skipped=absorbed)


def _absorb_one(values, convolution, batch, bias, epsilon):
    mean, variance, gamma = (
        # Scales differ by orders of magnitude; rounding happens once, at the end.
        np.float64(values.pop(f"{batch}/{name}", 1.0))
        for name in ("moving_mean", "moving_variance", "gamma")
    )
    scale = gamma / np.sqrt(variance + epsilon)
    # [K, K, C, filters]: also with groups, each filter has its own scale.
    kernel, shift = f"{convolution}/kernel", f"{bias}/shift"
    values[kernel] = np.float32(values[kernel] * scale)
    values[shift] = np.float32(values[shift] - mean * scale)
