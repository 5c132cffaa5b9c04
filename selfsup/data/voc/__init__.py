"""PASCAL VOC, and other data in its layout: segmentation and classification."""

from selfsup.data.voc.augmentation import fixed_crops, random_crops
from selfsup.data.voc.augmented import open_segmentation
from selfsup.data.voc.batches import (
    classification_batches,
    reading_errors,
    segmentation_batches,
)
from selfsup.data.voc.classification_set import ClassificationSet, open_classification
from selfsup.data.voc.masks import VOID
from selfsup.data.voc.segmentation_set import SegmentationSet

__all__ = [
    "VOID",
    "ClassificationSet",
    "SegmentationSet",
    "classification_batches",
    "fixed_crops",
    "open_classification",
    "open_segmentation",
    "random_crops",
    "reading_errors",
    "segmentation_batches",
]
