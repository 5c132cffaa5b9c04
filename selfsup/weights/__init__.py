"""Strict loading of weights, and surgery that keeps the function.

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
from selfsup.weights.importing import import_model
from selfsup.weights.input_color import gray_to_rgb, rgb_to_gray
from selfsup.weights.loading import load, read_model
from selfsup.weights.rebalancing import rebalance
from selfsup.weights.saving import save
from selfsup.weights.transfer import Report, Row, assign, parameters

__all__ = [
    "Report",
    "Row",
    "absorb",
    "adapt",
    "applications",
    "caffe",
    "import_model",
    "assign",
    "gray_to_rgb",
    "load",
    "parameters",
    "read_model",
    "rebalance",
    "rgb_to_gray",
    "save",
    "zoo",
]
