"""Pictures to look at: contact sheets, masks of classes, curves and charts."""

from selfsup import lazy

__all__, __getattr__, __dir__ = lazy.exports(
    __name__,
    {
        "class_table_chart": "charts",
        "confusion_chart": "charts",
        "contact_sheet": "sheets",
        "curves": "charts",
        "encode_image": "sheets",
        "grouped_sheet": "sheets",
        "growth_panels": "charts",
        "layer_bars": "charts",
        "line_panels": "charts",
        "quadrants": "charts",
        "quartile_bars": "charts",
        "resize": "sheets",
        "save_encoded": "sheets",
        "save_image": "sheets",
        "segmentation_sheet": "segmentation",
        "step_panels": "charts",
    },
)
