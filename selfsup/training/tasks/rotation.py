"""The proxy task of telling by how many quarter turns a gray image was turned.

Source: "Unsupervised Representation Learning by Predicting Image Rotations"
(Gidaris, Singh, Komodakis, ICLR 2018), here from gray crops.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from selfsup import heads
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.tasks.transformation import TransformationTask

_TURNS = 4


@dataclasses.dataclass(frozen=True)
class RotationConfig(PretrainingConfig):
    """Settings of pretraining by rotation."""


class Rotation(TransformationTask):
    """Predicts by which of four rotations a gray crop was turned.

    Args:
        config: A `RotationConfig`.
    """

    name, kind, Config = "rotation", "single_label_classifier", RotationConfig
    transformations, salt, noise = _TURNS, 0x907A << 32, 1
    titles = ["turned", "turned back", "upright"]

    def model(self, backbone, samples):
        return heads.classifier(backbone, _TURNS, multi_label=False)

    def transform(self, gray, noise, augment):
        turns = tf.cast(_TURNS * noise[0], tf.int32)
        return tf.image.rot90(gray, turns), turns

    def restored(self, image, label):
        return np.rot90(image, -(label or 0))
