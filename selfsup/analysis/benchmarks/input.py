"""Speed of the input pipeline beside decoding alone and a naive pipeline."""

import os
import statistics
import time

import tensorflow as tf

from selfsup import color, data, targets


def _decoded(path):
    """Decodes a whole image."""
    return tf.io.decode_jpeg(tf.io.read_file(path), channels=3)


def _naive(config):
    """Returns a function that decodes and scales a whole image for each sample."""
    crop = config.crop_size

    def sample(path):
        image = _decoded(path)
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        short_side = tf.random.uniform([], config.min_side, config.max_side)
        size = tf.cast(tf.math.ceil(size * short_side / tf.reduce_min(size)), tf.int32)
        image = tf.image.resize(image, size) / 255.0
        image = tf.image.random_crop(image, [crop, crop, 3])
        image = tf.image.random_flip_left_right(image)
        noise = tf.random.uniform([config.points, 2])
        points = targets.points_from_noise(noise, crop, crop, config.point_margin)
        target = targets.histograms(image, points)
        return color.rgb_to_gray(image) - color.GRAY_MEAN, points, target

    return sample


def _seconds(dataset, batches):
    """Returns wall time and processor time of some batches."""
    iterator = iter(dataset)
    next(iterator)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(batches):
        next(iterator)
    return time.perf_counter() - wall, time.process_time() - processor


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

    def mapped(function):
        samples = paths.map(function, num_parallel_calls=os.cpu_count())
        return samples.batch(config.batch_size).prefetch(2)

    datasets = {
        "decode_only": mapped(lambda path: tf.shape(_decoded(path))),
        "naive": mapped(_naive(config)),
        "pipeline": data.pipeline(config, images=images),
    }
    batches = max(1, images_per_round // config.batch_size)
    times = {name: [] for name in datasets}
    for _ in range(rounds):
        for name, dataset in datasets.items():
            times[name].append(_seconds(dataset, batches))
    return {
        name: _summary(own, times["decode_only"], batches * config.batch_size)
        for name, own in times.items()
    }


def _summary(times, alone, images):
    """Summarizes `(wall, processor)` seconds of rounds beside decoding alone."""
    ratios = [other[0] / own[0] for own, other in zip(times, alone, strict=True)]
    wall = statistics.median(own[0] for own in times)
    processor = statistics.median(own[1] for own in times)
    return {
        "images_per_second": images / wall,
        "images_per_second_per_core": images / wall / os.cpu_count(),
        "processor_ms_per_image": 1000 * processor / images,
        "ratio_to_decode_only": statistics.median(ratios),
        "least_ratio_to_decode_only": min(ratios),
    }
