"""The proxy task of telling by how many quarter turns a gray image was turned.

Source: "Unsupervised Representation Learning by Predicting Image Rotations"
(Gidaris, Singh, Komodakis, ICLR 2018), here from gray crops.
"""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from selfsup import color, data, heads, inference, pictures
from selfsup.data import partial_decode
from selfsup.data.label_batches import label_batches
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.step import WeightedLoss
from selfsup.training.tasks.pretraining import PERIODIC_BATCHES, PretrainingTask

_TURNS = 4

# Keeps the seeds of crops and turns apart from those of the order.
_SALT = 0x907A << 32

# Crops on the sheet, and their height in pixels.
_SHOWN, _HEIGHT = 8, 120


@dataclasses.dataclass(frozen=True)
class RotationConfig(PretrainingConfig):
    """Settings of pretraining by rotation."""


class Rotation(PretrainingTask):
    """Predicts by which of four rotations a gray crop was turned.

    Args:
        config: A `RotationConfig`.
    """

    name, kind, score = "rotation", "single_label_classifier", "accuracy"
    Config, logged = RotationConfig, (heads.LABEL, "accuracy")
    figures = ("samples.png",)

    def model(self, backbone, samples):
        return heads.classifier(backbone, _TURNS, multi_label=False)

    def losses(self, model, samples):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return {heads.LABEL: WeightedLoss(loss, 1.0)}

    def batches(self, samples, start=0):
        return self._stream(samples, start_step=start)

    def _stream(self, images, augment=True, **options):
        """Returns batches of turned crops; without `augment` each image once."""
        config, crop = self.config, self.config.crop_size

        def sample(index, encoded, seed):
            del index
            # Short side, position (y, x), mirror, turns.
            noise = tf.random.stateless_uniform([5], seed)
            side = partial_decode.random_side(
                noise[0] if augment else 0.5, config.min_side, config.max_side
            )
            position = noise[1:3] if augment else tf.constant([0.5, 0.5])
            window = partial_decode.read_window(encoded, side, position, crop)
            mirror = augment & (noise[3] < 0.5)
            gray = partial_decode.resize_input(window, mirror, crop)
            turns = tf.cast(_TURNS * noise[4], tf.int32)
            return tf.image.rot90(gray, turns), turns

        return label_batches(
            images,
            sample,
            (crop, crop, 1),
            batch_size=config.batch_size,
            seed=config.seed,
            salt=_SALT,
            shuffle=augment,
            **options,
        )

    def predictor(self, model):
        return inference.point_predictor(model)

    def measure(self, predict, samples, strategy=None, batches=PERIODIC_BATCHES):
        stream = self.measured_batches(samples, self._each_once).take(batches)
        return _measured(predict, self.watched(stream, samples))

    def _each_once(self, samples):
        return self._stream(samples, augment=False)

    def draw(self, predict, parts):
        return self._sheet(predict, parts.get("held_out", parts["train"]))

    def _sheet(self, predict, samples):
        """Lays out crops as they were turned, and as the model turns them back.

        Returns None where no image of the first batch could be read.
        """
        inputs, targets, weights, _ = next(
            iter(self.measured_batches(samples, self._each_once))
        )
        logits, turns = predict(inputs)[heads.LABEL], targets[heads.LABEL].numpy()
        crops = np.clip(inputs["gray"].numpy() + color.GRAY_MEAN, 0, 1)
        rows = [
            ("", [crop, np.rot90(crop, -predicted), np.rot90(crop, -true)])
            for crop, predicted, true in zip(
                crops, np.argmax(logits, -1), turns, strict=True
            )
        ]
        shown = np.flatnonzero(weights[heads.LABEL])[:_SHOWN]
        if not shown.size:
            return None
        titles = ["turned", "turned back", "upright"]
        return pictures.contact_sheet([rows[i] for i in shown], titles, _HEIGHT)

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        predict = self.predictor(model)
        stream = self._stream(samples, augment=False)
        results = _measured(predict, data.decoded(stream, samples))

        def draw(folder):
            pictures.save_image(folder / "samples.png", self._sheet(predict, samples))

        return {"images": len(samples), **results}, draw


def _measured(predict, batches):
    """Averages cross entropy and accuracy, each beside that of a blind guess."""
    sums = np.zeros(3)
    for inputs, targets, weights, *_ in batches:
        logits = predict(inputs)[heads.LABEL]
        turns, weight = targets[heads.LABEL], weights[heads.LABEL]
        losses = keras.losses.sparse_categorical_crossentropy(turns, logits, True)
        hits = tf.cast(tf.argmax(logits, -1, tf.int32) == turns, tf.float32)
        sums += [tf.reduce_sum(weight * x) for x in (losses, hits, tf.ones_like(hits))]
    loss, accuracy = sums[:2] / max(sums[2], 1.0)
    return {
        heads.LABEL: float(loss),
        "label_baseline": math.log(_TURNS),
        "accuracy": float(accuracy),
        "accuracy_baseline": 1 / _TURNS,
    }
