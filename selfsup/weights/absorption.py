"""Batch normalization folded into the convolution before it."""

import numpy as np

from selfsup import networks
from selfsup.networks import units
from selfsup.weights import assignment, cloning


def absorb(model):
    """Removes batch normalization without changing the function at inference.

    Downstream networks train without it (paper section 5). With
    `sigma = sqrt(variance + epsilon)`, each kernel is multiplied by
    `gamma / sigma`, and `-mean * gamma / sigma` is added to `shift`. The
    authors' code adds it to the bias; there it would change the border of
    the next convolution. With `shift` the border stays the same, so models that
    pad with their bias keep their values too.

    Args:
        model: A VGG or AlexNet of `selfsup.networks`, or a model with a head on
            one. It is not changed.

    Returns:
        A new `keras.Model` whose network has `normalization="none"`; an equal
        copy if the model has no normalization.

    Raises:
        ValueError: If the network is a ResNet with normalization, or not one
            of this package.

    Example:

    >>> model = networks.vgg16(width=0.02, padding="bias")
    >>> absorbed = absorb(model)
    >>> networks.describe(absorbed)["normalization"]
    'none'
    >>> image = np.ones((1, 16, 16, 1), "float32")
    >>> np.allclose(absorbed(image), model(image), atol=1e-5)
    True
    """
    if networks.describe(model)["normalization"] == "none":
        return cloning.clone(model)
    if networks.ARCHITECTURES[networks.recognize(model)].residual:
        raise ValueError(
            "A ResNet keeps its normalization (paper section 5). Expected a VGG or "
            f"AlexNet. Received: model={model.name!r}"
        )
    values = assignment.arrays(model)
    found = {layer.name: layer for layer in model.layers}
    absorbed = set()
    for name in found:
        batch, bias, _ = units.sequential_names(name)
        if batch in found:
            _absorb_one(values, name, batch, bias, found[batch].epsilon)
            absorbed.add(batch)
    return cloning.clone(model, values, skipped=absorbed)


def _absorb_one(values, convolution, batch, bias, epsilon):
    mean, variance, gamma = (
        # Scales differ by orders of magnitude: round once, at the end.
        np.float64(values.pop(f"{batch}/{name}", 1.0))
        for name in ("moving_mean", "moving_variance", "gamma")
    )
    scale = gamma / np.sqrt(variance + epsilon)
    # [K, K, C, filters]: each filter has its own scale, with groups too.
    kernel, shift = f"{convolution}/kernel", f"{bias}/shift"
    values[kernel] = np.float32(values[kernel] * scale)
    values[shift] = np.float32(values[shift] - mean * scale)
