"""Measures throughput beside reference implementations, in one run.

    python tools/benchmark.py --what input --data photos --crop_size 352

`input` compares the pretraining pipeline with two others over the same files
and with the same parallelism: decoding alone, and a pipeline that decodes and
scales whole colour images. Rounds of the three alternate; the best counts.
Writes a JSON file if --output is given.
"""

import json
import os
import time

import tensorflow as tf
from absl import app, flags

from selfsup import color, data, targets

_WHAT = flags.DEFINE_enum("what", "input", ["input"], "What is measured.")
_DATA = flags.DEFINE_multi_string("data", [], "Sources; default: embedded photos.")
_CROP_SIZE = flags.DEFINE_integer("crop_size", 352, "Side of the crops.")
_MIN_SIDE = flags.DEFINE_integer("min_side", 0, "Least short side; 0: crop_size.")
_MAX_SIDE = flags.DEFINE_integer("max_side", 0, "Greatest; 0: 600/352 of min_side.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Samples a batch.")
_POINTS = flags.DEFINE_integer("points", 128, "Points an image.")
_IMAGES = flags.DEFINE_integer("images", 1024, "Images a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds.")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file with the result.")


def _decode_only(paths, config):
    def decode(path):
        return tf.shape(tf.io.decode_jpeg(tf.io.read_file(path), channels=3))

    dataset = paths.map(decode, num_parallel_calls=os.cpu_count())
    return dataset.batch(config.batch_size).prefetch(2)


def _naive(paths, config):
    crop = config.crop_size

    def sample(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        side = tf.random.uniform([], config.min_side, config.max_side)
        size = tf.cast(tf.math.ceil(size * side / tf.reduce_min(size)), tf.int32)
        image = tf.image.resize(image, size) / 255.0
        image = tf.image.random_crop(image, [crop, crop, 3])
        image = tf.image.random_flip_left_right(image)
        uniform = tf.random.uniform([config.points, 2])
        points = targets.points_from_uniform(uniform, crop, crop, config.point_margin)
        target = targets.histograms(image, points)
        return color.rgb_to_gray(image) - color.GRAY_MEAN, points, target

    dataset = paths.map(sample, num_parallel_calls=os.cpu_count())
    return dataset.batch(config.batch_size).prefetch(2)


def _seconds(dataset, batches):
    iterator = iter(dataset)
    next(iterator)
    start = time.perf_counter()
    for _ in range(batches):
        next(iterator)
    return time.perf_counter() - start


def main(_):
    min_side = _MIN_SIDE.value or _CROP_SIZE.value
    config = data.PipelineConfig(
        data=tuple(_DATA.value),
        crop_size=_CROP_SIZE.value,
        min_side=min_side,
        max_side=_MAX_SIDE.value or round(min_side * 600 / 352),
        batch_size=_BATCH_SIZE.value,
        points=_POINTS.value,
    )
    images = data.images_of(config)
    paths = [images.name(index) for index in range(len(images))]
    paths = tf.data.Dataset.from_tensor_slices(paths).repeat()
    datasets = {
        "decode_only": _decode_only(paths, config),
        "naive": _naive(paths, config),
        "pipeline": data.pipeline(config, images=images),
    }
    batches = max(1, _IMAGES.value // config.batch_size)
    best = dict.fromkeys(datasets, float("inf"))
    for _ in range(_ROUNDS.value):
        for name, dataset in datasets.items():
            best[name] = min(best[name], _seconds(dataset, batches))
    rates = {name: batches * config.batch_size / best[name] for name in best}
    result = {
        "images_per_second": rates,
        "images_per_second_per_core": {k: v / os.cpu_count() for k, v in rates.items()},
        "ratio_to_decode_only": {k: v / rates["decode_only"] for k, v in rates.items()},
        "cores": os.cpu_count(),
    }
    print(json.dumps(result, indent=2))
    if _OUTPUT.value:
        with open(_OUTPUT.value, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    app.run(main)
