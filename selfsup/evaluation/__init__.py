"""What a trained model is worth, measured on held-out images."""

from selfsup.evaluation.average_precision import (
    average_precision,
    mean_average_precision,
)
from selfsup.evaluation.classification import (
    classification_metrics,
    classification_scores,
    evaluate_classification,
    score_predictor,
)
from selfsup.evaluation.colored_files import ColoringSettings, color_files
from selfsup.evaluation.colorization import (
    at_side,
    check_colorizer,
    colorize,
    constant_predictions,
    dense_predictor,
    image_metrics,
    point_metrics,
    point_predictor,
    predicted_differences,
    predicted_rgb,
)
from selfsup.evaluation.full_size import color_photograph
from selfsup.evaluation.mean_iou import (
    confusion_matrix,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
)
from selfsup.evaluation.report import evaluate_colorizer
from selfsup.evaluation.segmentation import (
    check_classes,
    class_map_predictor,
    evaluate_segmentation,
    image_confusions,
    segment,
    segmentation_metrics,
)
from selfsup.evaluation.sheets import choose_images, colorization_sheet
from selfsup.evaluation.voc_figures import (
    FIGURES,
    classification_figures,
    prediction_sheet,
    segmentation_figures,
)

__all__ = [
    "FIGURES",
    "ColoringSettings",
    "at_side",
    "average_precision",
    "check_classes",
    "check_colorizer",
    "choose_images",
    "class_map_predictor",
    "classification_figures",
    "classification_metrics",
    "classification_scores",
    "color_files",
    "color_photograph",
    "colorization_sheet",
    "colorize",
    "confusion_matrix",
    "constant_predictions",
    "dense_predictor",
    "evaluate_classification",
    "evaluate_colorizer",
    "evaluate_segmentation",
    "image_confusions",
    "image_metrics",
    "iou_per_class",
    "mean_average_precision",
    "mean_iou",
    "pixel_accuracy",
    "point_metrics",
    "point_predictor",
    "predicted_differences",
    "predicted_rgb",
    "prediction_sheet",
    "score_predictor",
    "segment",
    "segmentation_figures",
    "segmentation_metrics",
]
