"""What a trained model is worth, measured on held-out images."""

from selfsup.evaluation.average_precision import (
    average_precision,
    mean_average_precision,
)
from selfsup.evaluation.classification import (
    classification_metrics,
    classification_scores,
    evaluate_classification,
)
from selfsup.evaluation.colored_files import ColorizeConfig, color_files
from selfsup.evaluation.colorization import (
    constant_predictions,
    evaluate_colorizer,
    image_metrics,
    point_metrics,
)
from selfsup.evaluation.mean_iou import (
    confusion_matrix,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
)
from selfsup.evaluation.segmentation import (
    evaluate_segmentation,
    image_confusions,
    segmentation_metrics,
)
from selfsup.evaluation.sheets import choose_images, colorization_sheet
from selfsup.evaluation.tables import class_table
from selfsup.evaluation.voc_figures import (
    classification_figures,
    prediction_sheet,
    segmentation_figures,
)

__all__ = [
    "ColorizeConfig",
    "average_precision",
    "choose_images",
    "class_table",
    "classification_figures",
    "classification_metrics",
    "classification_scores",
    "color_files",
    "colorization_sheet",
    "confusion_matrix",
    "constant_predictions",
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
    "prediction_sheet",
    "segmentation_figures",
    "segmentation_metrics",
]
