"""Self-supervised visual features by colorization."""

from selfsup import (
    color,
    data,
    evaluation,
    export,
    heads,
    layers,
    losses,
    networks,
    pictures,
    targets,
    training,
    weights,
)

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "color",
    "data",
    "evaluation",
    "export",
    "heads",
    "layers",
    "losses",
    "networks",
    "pictures",
    "targets",
    "training",
    "weights",
]
