"""Compiled predictors for every kind of model, and whole photographs."""

from selfsup import backend, lazy

__all__, __getattr__, __dir__ = lazy.exports(
    __name__,
    {
        "batch_score_predictor": "classification",
        "check_classes": "segmentation",
        "class_map_predictor": "segmentation",
        "DEFAULT_SIDE": "image_coloring",
        "color_image": "colorization",
        "color_photograph": "photographs",
        "colored_strips": "photographs",
        "colorize": "image_coloring",
        "colorizer_predictor": "colorization",
        "dense_predictor": "colorization",
        "FeatureExtractor": "image_features",
        "feature_maps": "frozen_features",
        "features": "image_features",
        "over_replicas": "replicas",
        "point_predictor": "colorization",
        "pooled_feature_predictor": "frozen_features",
        "predicted_chroma_offsets": "colorization",
        "resize_short_side": "colorization",
        "same_size": "image_features",
        "score_predictor": "classification",
        "segment": "segmentation",
        "takes_color": "segmentation",
    },
    check=backend.require_tensorflow,
)
