"""Time and memory of segmenting a whole image, tiled and by concatenation."""

import multiprocessing
import statistics

import keras
import tensorflow as tf

from selfsup import heads, inference, layers, networks
from selfsup.analysis.benchmarks import process

_CLASSES = 21

COLUMNS = {
    "way": ("way", ""),
    "stride": ("stride", ""),
    "processor s": ("processor_seconds", ".2f"),
    "s": ("seconds", ".2f"),
    "MB more": ("megabytes", ".0f"),
    "MB at most": ("peak_megabytes", ".0f"),
}


def measure(config):
    """Segments an image in every way, each in a process of its own.

    Args:
        config: A `SegmentConfig`.

    Yields:
        A dict of figures for each way: seconds, and megabytes by which the
        process grew at its peak beyond what it held with the model; and that
        peak itself.
    """
    finest = config.concatenated_stride
    ways = ("tiled", 1), ("tiled", 4), ("concatenated", 4), ("concatenated", finest)
    size = config.height, config.image_width
    for way, stride in dict.fromkeys(ways):
        settings = config.network, config.width, size, config.rounds
        # A process never gives its peak back: every way needs a fresh one.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures = pool.apply(_measure_one, (way, stride, *settings))
        yield {
            "network": config.network,
            "width": config.width,
            "image": f"{size[1]}x{size[0]}",
            "way": way,
            "stride": stride,
            **figures,
        }


def _measure_one(way, stride, network, width, image_size, rounds):
    # Zeros: drawing random weights takes memory that would hide what is measured.
    backbone = networks.ARCHITECTURES[network].builder(
        width=width, fov_blocks=2, kernel_initializer="zeros"
    )
    taps = networks.taps(backbone)
    hidden = max(8, round(1024 * width))
    model = heads.segmenter(backbone, taps, _CLASSES, hidden=hidden)
    if way == "tiled":
        predict = inference.class_map_predictor(model, stride)
    else:
        predict = _concatenating(model, stride)
    # The weights and the code are in memory before counting begins.
    predict(tf.zeros([32, 32, 1]))
    image = tf.random.stateless_uniform([*image_size, 1], (0, 0), -0.4, 0.5)
    # What building the model needed for a while goes back to the system.
    before = process.trimmed_megabytes()
    process.reset_peak()
    runs = {way: lambda: predict(image).numpy()}
    seconds = process.seconds_in_turns(runs, rounds)[way]
    return {
        "processor_seconds": statistics.median(own.processor for own in seconds),
        "seconds": statistics.median(own.wall for own in seconds),
        "megabytes": process.peak_megabytes() - before,
        "peak_megabytes": process.peak_megabytes(),
        "channels": sum(tap.channels for tap in taps),
    }


def _concatenating(model, stride):
    """Returns the plain predictor: all hypercolumns, then the head."""
    hypercolumn = model.get_layer("hypercolumn")
    *features, _ = hypercolumn.input
    image = next(tensor for tensor in model.inputs if tensor.name != "points")
    columns = layers.DenseHypercolumn(
        hypercolumn.strides, hypercolumn.offsets, output_stride=stride
    )(features, image)
    logits = model.get_layer("prediction")(model.get_layer("h_fc1")(columns))
    dense = keras.Model(image, logits)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 1], tf.float32)])
    def predict(image):
        probabilities = tf.nn.softmax(dense(image[None], training=False))
        whole = tf.image.resize(probabilities, tf.shape(image)[:2])
        return tf.argmax(whole[0], axis=-1)

    return predict
