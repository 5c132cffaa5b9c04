"""What a trained model is worth, measured on held-out images."""

from selfsup.evaluation.colorization import (
    colorize,
    constant_predictions,
    dense_predictor,
    image_metrics,
    point_metrics,
    point_predictor,
)
from selfsup.evaluation.report import evaluate_colorizer
from selfsup.evaluation.sheets import choose_images, colorization_sheet

__all__ = [
    "choose_images",
    "colorization_sheet",
    "colorize",
    "constant_predictions",
    "dense_predictor",
    "evaluate_colorizer",
    "image_metrics",
    "point_metrics",
    "point_predictor",
]
