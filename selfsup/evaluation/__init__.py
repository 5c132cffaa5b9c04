"""What a trained model is worth, measured on held-out images."""

from selfsup.evaluation.colorization import (
    colorization_sheet,
    colorize,
    constant_predictions,
    dense_predictor,
    image_metrics,
    point_metrics,
)
from selfsup.evaluation.report import evaluate_colorizer

__all__ = [
    "colorization_sheet",
    "colorize",
    "constant_predictions",
    "dense_predictor",
    "evaluate_colorizer",
    "image_metrics",
    "point_metrics",
]
