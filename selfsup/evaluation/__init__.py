"""What a trained model is worth, measured on held-out images."""

from selfsup import backend, lazy

__all__, __getattr__, __dir__ = lazy.exports(
    __name__,
    {
        "ColorizeConfig": "colored_files",
        "choose_images": "figures",
        "class_table": "tables",
        "classification_figures": "figures",
        "classification_metrics": "classification",
        "classification_scores": "classification",
        "color_files": "colored_files",
        "colorization_sheet": "figures",
        "constant_predictions": "colorization",
        "evaluate_classification": "classification",
        "evaluate_colorizer": "colorization",
        "evaluate_segmentation": "segmentation",
        "evaluate_single_label": "single_label",
        "image_confusions": "segmentation",
        "mean_iou": "confusion",
        "point_metrics": "colorization",
        "prediction_sheet": "figures",
        "probe_accuracies": "probes",
        "random_average_precision": "average_precision",
        "segmentation_figures": "figures",
        "single_label_figures": "label_figures",
        "single_label_metrics": "single_label",
    },
    check=backend.require_tensorflow,
)
