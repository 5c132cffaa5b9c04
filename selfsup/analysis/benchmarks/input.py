"""Speed of the input pipeline beside decoding alone and a naive pipeline."""

import os
import statistics
import time

import tensorflow as tf

from selfsup import color, data, targets


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
        points = targets.points_from_noise(uniform, crop, crop, config.point_margin)
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


def measure(config, images_per_round, rounds):
    """Times the pipelines in turns, over the same files.

    Args:
        config: A `data.PipelineConfig` of JPEG files.
        images_per_round: Images in each round of each pipeline.
        rounds: Number of rounds.

    Returns:
        A dict from pipeline to its figures.
    """
    images = data.images_of(config)
    paths = [images.name(index) for index in range(len(images))]
    paths = tf.data.Dataset.from_tensor_slices(paths).repeat()
    datasets = {
        "decode_only": _decode_only(paths, config),
        "naive": _naive(paths, config),
        "pipeline": data.pipeline(config, images=images),
    }
    batches = max(1, images_per_round // config.batch_size)
    times = {name: [] for name in datasets}
    for _ in range(rounds):
        for name, dataset in datasets.items():
            times[name].append(_seconds(dataset, batches))
    return {
        name: _summary(
            list(zip(own, times["decode_only"], strict=True)),
            batches * config.batch_size,
        )
        for name, own in times.items()
    }
