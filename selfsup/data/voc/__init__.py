"""PASCAL VOC, and other data in its layout: segmentation and classification."""

from selfsup.data.crops import VOID, fixed_crops, random_crops
from selfsup.data.voc.batches import classification_batches, segmentation_batches
from selfsup.data.voc.classification_set import ClassificationSet, open_classification
from selfsup.data.voc.segmentation_set import SegmentationSet, open_segmentation

__all__ = [
    "VOID",
    "ClassificationSet",
    "SegmentationSet",
    "classification_batches",
    "fixed_crops",
    "open_classification",
    "open_segmentation",
    "random_crops",
    "segmentation_batches",
]
