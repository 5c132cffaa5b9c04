"""Speed of the input pipeline beside decoding alone and two other loaders."""

import os
import statistics

import tensorflow as tf

from selfsup import color, data, targets
from selfsup.analysis.benchmarks import opencv_loader, process
from selfsup.data import batching, partial_decode

COLUMNS = {
    "way": ("way", ""),
    "processor ms/image": ("processor_ms_per_image", ".2f"),
    "x decoding alone": ("processor_ratio_to_decode_only", ".2f"),
    "images/s": ("images_per_second", ".1f"),
    "a core": ("images_per_second_per_core", ".1f"),
    "speed by the clock, x decoding alone": ("ratio_to_decode_only", ".2f"),
    "at least": ("least_ratio_to_decode_only", ".2f"),
}


def _decoding(config):
    """Returns a function that decodes what a sample of the pipeline needs."""

    def sample(encoded):
        noise = tf.random.uniform([3])
        side = partial_decode.random_side(noise[0], config.min_side, config.max_side)
        window = partial_decode.read_window(encoded, side, noise[1:], config.crop_size)
        return tf.shape(window)

    return sample


def _naive(config):
    """Returns a function that decodes and scales a whole image for each sample."""
    crop = config.crop_size

    def sample(encoded):
        image = tf.io.decode_jpeg(encoded, channels=3)
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
    """Returns the `process.Seconds` of some batches."""
    iterator = iter(dataset)
    next(iterator)
    start = process.now()
    for _ in range(batches):
        next(iterator)
    return process.since(start)


def pipeline_config(config):
    """Returns the `data.PipelineConfig` of an `InputConfig`."""
    min_side = config.min_side or config.crop_size
    return data.PipelineConfig(
        data=config.data,
        crop_size=config.crop_size,
        min_side=min_side,
        max_side=config.max_side or round(min_side * 600 / 352),
        batch_size=config.batch_size,
        points=config.points,
    )


def measure(config):
    """Times the pipelines in turns, over the same images.

    Args:
        config: An `InputConfig` of JPEG files, or of records of some.

    Returns:
        A list of a dict of figures for each way. OpenCV's needs files.
    """
    pipeline = pipeline_config(config)
    images = data.images_of(pipeline)
    names = [images.name(index) for index in range(len(images))]

    def mapped(function):
        samples = images.stream(seed=0).map(
            lambda *element: function(images.read(*element)),
            num_parallel_calls=batching.cores(),
        )
        return samples.batch(pipeline.batch_size).prefetch(2)

    datasets = {
        "decode_only": mapped(_decoding(pipeline)),
        "pipeline": data.pipeline(pipeline, images=images),
        "naive": mapped(_naive(pipeline)),
    }
    if all(map(os.path.isfile, names)):
        datasets["opencv"] = opencv_loader.Loader(names, pipeline)
    batches = max(1, config.images // pipeline.batch_size)
    times = {name: [] for name in datasets}
    for _ in range(config.rounds):
        for name, dataset in datasets.items():
            times[name].append(_seconds(dataset, batches))
    settings = config.to_json()
    return [
        {
            "way": name,
            **_summary(own, times["decode_only"], batches * pipeline.batch_size),
            **settings,
        }
        for name, own in times.items()
    ]


def _summary(times, alone, images):
    """Summarizes the `process.Seconds` of rounds beside decoding alone.

    Ratios of processor time are costs, those of the clock are speeds.
    """
    pairs = list(zip(times, alone, strict=True))
    costs = [own.processor / other.processor for own, other in pairs]
    speeds = [other.wall / own.wall for own, other in pairs]
    wall = statistics.median(own.wall for own in times)
    processor = statistics.median(own.processor for own in times)
    return {
        "processor_ms_per_image": 1000 * processor / images,
        "processor_ratio_to_decode_only": statistics.median(costs),
        "images_per_second": images / wall,
        "images_per_second_per_core": images / wall / batching.cores(),
        "ratio_to_decode_only": statistics.median(speeds),
        "least_ratio_to_decode_only": min(speeds),
    }
