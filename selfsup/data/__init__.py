"""Images in, batches out: sources, decoding, augmentation, the pipeline."""

from selfsup.data import label_transforms, voc
from selfsup.data.config import PipelineConfig
from selfsup.data.decoding import load_image
from selfsup.data.label_lists import write_list
from selfsup.data.labelled import LabeledSet, open_labeled
from selfsup.data.pipeline import (
    ACHROMATIC,
    OK,
    PADDING,
    UNDECODABLE,
    decoded,
    images_of,
    parts_of,
    pipeline,
)
from selfsup.data.sources import open_images, open_parts
from selfsup.data.whole_images import (
    as_network_input,
    evenly_spaced,
    network_input,
    read_image,
    whole_images,
)

__all__ = [
    "ACHROMATIC",
    "LabeledSet",
    "OK",
    "PADDING",
    "UNDECODABLE",
    "PipelineConfig",
    "as_network_input",
    "decoded",
    "evenly_spaced",
    "images_of",
    "label_transforms",
    "load_image",
    "network_input",
    "open_images",
    "open_parts",
    "parts_of",
    "open_labeled",
    "pipeline",
    "read_image",
    "voc",
    "whole_images",
    "write_list",
]
