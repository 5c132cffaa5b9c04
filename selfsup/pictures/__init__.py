"""Pictures to look at: contact sheets, masks of classes, curves and charts."""

from selfsup.pictures.charts import (
    class_table_chart,
    confusion_chart,
    curves,
    growth_panels,
    layer_bars,
    line_panels,
    quadrants,
    quartile_bars,
    step_panels,
)
from selfsup.pictures.segmentation import segmentation_sheet
from selfsup.pictures.sheets import (
    contact_sheet,
    encode_image,
    grouped_sheet,
    resize,
    save_encoded,
    save_image,
)

__all__ = [
    "class_table_chart",
    "confusion_chart",
    "contact_sheet",
    "curves",
    "encode_image",
    "grouped_sheet",
    "growth_panels",
    "layer_bars",
    "line_panels",
    "quadrants",
    "quartile_bars",
    "resize",
    "save_encoded",
    "save_image",
    "step_panels",
    "segmentation_sheet",
]
