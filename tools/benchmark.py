"""Measures throughput beside reference implementations, in one run.

    python tools/benchmark.py --what input --data photos --crop_size 352

`input` compares the pretraining pipeline with two others over the same files
and with the same parallelism: decoding alone, and a pipeline that decodes and
scales whole colour images. Rounds of the three alternate, and each round's
rates are divided by that round's rate of decoding alone. Processor time counts
all threads; it hardly depends on what else the machine does. Writes a JSON file
if --output is given.
"""

import json
import os
import statistics
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
    """Returns wall time and processor time of some batches."""
    iterator = iter(dataset)
    next(iterator)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(batches):
        next(iterator)
    return time.perf_counter() - wall, time.process_time() - processor


def _summary(rounds, images):
    """Summarizes the times of one pipeline and of decoding alone, per round.

    Args:
        rounds: Pairs of `(wall, processor)` seconds: the pipeline's and those
            of decoding alone.
        images: Images a round.
    """
    ratios = [alone[0] / own[0] for own, alone in rounds]
    wall = statistics.median(own[0] for own, _ in rounds)
    processor = statistics.median(own[1] for own, _ in rounds)
    return {
        "images_per_second": images / wall,
        "images_per_second_per_core": images / wall / os.cpu_count(),
        "processor_ms_per_image": 1000 * processor / images,
        "ratio_to_decode_only": statistics.median(ratios),
        "least_ratio_to_decode_only": min(ratios),
    }


def _input():
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
    times = {name: [] for name in datasets}
    for _ in range(_ROUNDS.value):
        for name, dataset in datasets.items():
            times[name].append(_seconds(dataset, batches))
    return {
        name: _summary(
            list(zip(own, times["decode_only"], strict=True)),
            batches * config.batch_size,
        )
        for name, own in times.items()
    }


def main(_):
    result = {"cores": os.cpu_count(), **{"input": _input}[_WHAT.value]()}
    print(json.dumps(result, indent=2))
    if _OUTPUT.value:
        with open(_OUTPUT.value, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    app.run(main)
