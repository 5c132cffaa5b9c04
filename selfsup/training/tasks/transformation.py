"""What proxy tasks share that tell what was done to a gray crop."""

import math
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from selfsup import color, data, heads, inference, pictures
from selfsup.data import partial_decode
from selfsup.data.label_batches import label_batches
from selfsup.training.step import WeightedLoss
from selfsup.training.tasks.pretraining import PERIODIC_BATCHES, PretrainingTask

# Added to the salt of evaluations: a label is drawn for a position in the stream, and
# biases remember those of the training.
_EVALUATION = 1 << 52

# Crops on the sheet, and their height in pixels.
_SHOWN, _HEIGHT = 8, 120


class TransformationTask(PretrainingTask):
    """Base class of tasks that predict which transformation a gray crop went through.

    Args:
        config: A `PretrainingConfig`.

    Attributes:
        transformations: Their number.
        salt: Integer that keeps the seeds of crops apart from those of the order and
            of other tasks.
        noise: How many random numbers `transform` takes.
        key: Name of the network's input.
        titles: What the columns of the sheet show.
    """

    score, logged = "accuracy", (heads.LABEL, "accuracy")
    figures = ("samples.png",)
    transformations: int
    salt: ClassVar[int]
    noise: ClassVar[int]
    key: ClassVar[str] = "gray"
    titles: ClassVar[list[str]]

    @property
    def shape(self):
        """Shape of what the network takes, without the batch."""
        return self.config.crop_size, self.config.crop_size, 1

    def transform(self, gray, noise, augment):
        """Transforms a crop; runs in graphs.

        Args:
            gray: `[crop, crop, 1]`, float32, as networks take it.
            noise: `[noise]`, float32 in `[0, 1)`.
            augment: Whether what the label does not say is random too.

        Returns:
            A pair: what the network takes, of `shape`, and the label, `[]`, int32.
        """

    def restored(self, image, label):
        """Returns the picture of an input with a transformation taken back.

        Args:
            image: What `transform` returned, in `[0, 1]`, NumPy.
            label: The transformation; None to show the input as it is.
        """

    def losses(self, model, samples):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return {heads.LABEL: WeightedLoss(loss, 1.0)}

    def batches(self, samples, start=0, shard=(0, 1)):
        return self._stream(samples, start_step=start, shard=shard)

    def _stream(self, images, augment=True, **options):
        """Returns batches of transformed crops; without `augment` each image once."""
        config, crop = self.config, self.config.crop_size

        def sample(index, encoded, seed):
            del index
            # Short side, position (y, x), mirror; the rest is the transformation's.
            noise = tf.random.stateless_uniform([4 + self.noise], seed)
            low, high = config.min_side, config.max_side
            if augment:
                side = partial_decode.random_side(noise[0], low, high)
                position = noise[1:3]
            else:
                side, position = tf.constant((low + high) / 2), tf.constant([0.5, 0.5])
            window = partial_decode.read_window(encoded, side, position, crop)
            mirror = augment & (noise[3] < 0.5)
            gray = partial_decode.resize_input(window, mirror, crop)
            return self.transform(gray, noise[4:], augment)

        return label_batches(
            images,
            sample,
            self.shape,
            self.key,
            batch_size=config.batch_size,
            seed=config.seed,
            salt=self.salt + (not augment) * _EVALUATION,
            shuffle=augment,
            **options,
        )

    def predictor(self, model):
        return inference.point_predictor(model)

    def measure(self, predict, samples, strategy=None, batches=PERIODIC_BATCHES):
        stream = self.measured_batches(samples, self._each_once).take(batches)
        return self._scores(predict, self.watched(stream, samples))

    def _each_once(self, samples):
        return self._stream(samples, augment=False)

    def _scores(self, predict, batches):
        """Averages cross entropy and accuracy, each beside that of a blind guess."""
        sums = np.zeros(3)
        for inputs, targets, weights, *_ in batches:
            logits = predict(inputs)[heads.LABEL]
            labels, weight = targets[heads.LABEL], weights[heads.LABEL]
            losses = keras.losses.sparse_categorical_crossentropy(labels, logits, True)
            hits = tf.cast(tf.argmax(logits, -1, tf.int32) == labels, tf.float32)
            found = losses, hits, tf.ones_like(hits)
            sums += [tf.reduce_sum(weight * x) for x in found]
        loss, accuracy = sums[:2] / max(sums[2], 1.0)
        return {
            heads.LABEL: float(loss),
            "label_baseline": math.log(self.transformations),
            "accuracy": float(accuracy),
            "accuracy_baseline": 1 / self.transformations,
        }

    def draw(self, predict, parts):
        return self._sheet(predict, parts.get("held_out", parts["train"]))

    def _sheet(self, predict, samples):
        """Lays out inputs as they are, as the model restores them, and restored.

        Returns None where no image of the first batch could be read.
        """
        inputs, targets, weights, _ = next(
            iter(self.measured_batches(samples, self._each_once))
        )
        guesses = np.argmax(predict(inputs)[heads.LABEL], -1)
        labels = targets[heads.LABEL].numpy()
        images = np.clip(inputs[self.key].numpy() + color.GRAY_MEAN, 0, 1)
        shown = np.flatnonzero(weights[heads.LABEL])[:_SHOWN]
        rows = [
            ("", [self.restored(images[i], x) for x in (None, guesses[i], labels[i])])
            for i in shown
        ]
        return pictures.contact_sheet(rows, self.titles, _HEIGHT) if rows else None

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        predict = self.predictor(model)
        stream = self._stream(samples, augment=False)
        results = self._scores(predict, data.decoded(stream, samples))

        def draw(folder):
            pictures.save_image(folder / "samples.png", self._sheet(predict, samples))

        return {"images": len(samples), **results}, draw
