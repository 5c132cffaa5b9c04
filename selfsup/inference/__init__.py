"""Compiled predictors for every kind of model, and whole photographs."""

from selfsup.inference.classification import score_predictor
from selfsup.inference.colorization import (
    ColorizerPredictor,
    colorize,
    colorizer_predictor,
    dense_predictor,
    point_predictor,
    predicted_chroma_offsets,
    predicted_rgb,
    resize_short_side,
)
from selfsup.inference.photographs import color_photograph
from selfsup.inference.replicas import over_replicas
from selfsup.inference.segmentation import (
    check_classes,
    class_map_predictor,
    segment,
    takes_color,
)

__all__ = [
    "ColorizerPredictor",
    "check_classes",
    "class_map_predictor",
    "color_photograph",
    "colorize",
    "colorizer_predictor",
    "dense_predictor",
    "over_replicas",
    "point_predictor",
    "predicted_chroma_offsets",
    "predicted_rgb",
    "resize_short_side",
    "score_predictor",
    "segment",
    "takes_color",
]
