"""Strict loading of weights, and changes to networks that keep their function.

Synopsis:

    backbone = networks.vgg16(padding="bias")
    print(weights.load(backbone, "runs/colorizer"))
    backbone = weights.absorb(backbone)
    backbone = weights.rebalance(backbone, images)
    backbone = weights.adapt(backbone, fov_blocks=2)
"""

from selfsup.weights import applications, caffe, zoo
from selfsup.weights.absorption import absorb
from selfsup.weights.adaptation import adapt
from selfsup.weights.input_color import gray_to_rgb, rgb_to_gray
from selfsup.weights.loading import import_model, load, read_model
from selfsup.weights.rebalancing import rebalance
from selfsup.weights.saving import save

__all__ = [
    "absorb",
    "adapt",
    "applications",
    "caffe",
    "gray_to_rgb",
    "import_model",
    "load",
    "read_model",
    "rebalance",
    "rgb_to_gray",
    "save",
    "zoo",
]
