"""What a trained model is worth, measured on held-out images."""

from selfsup.evaluation.colorization import (
    colorization_sheet,
    colorize,
    constant_predictions,
    image_metrics,
    point_metrics,
)

__all__ = [
    "colorization_sheet",
    "colorize",
    "constant_predictions",
    "image_metrics",
    "point_metrics",
]
