"""Pictures to look at: contact sheets, masks of classes, curves and charts."""

from selfsup.pictures.charts import class_table_chart, curves
from selfsup.pictures.class_masks import (
    class_colors,
    color_mask,
    legend,
    overlay,
    sheet_colors,
)
from selfsup.pictures.segmentation import segmentation_sheet
from selfsup.pictures.sheets import contact_sheet, save_image

__all__ = [
    "class_colors",
    "class_table_chart",
    "color_mask",
    "contact_sheet",
    "curves",
    "legend",
    "overlay",
    "save_image",
    "segmentation_sheet",
    "sheet_colors",
]
