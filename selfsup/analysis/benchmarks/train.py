"""Speed of a training step, and what its sparse hypercolumn takes of it."""

import resource
import statistics
import time

import keras
import tensorflow as tf

from selfsup import layers, losses, networks
from selfsup.training import ColorizerConfig, build_colorizer, loop, optimizers


def measure(network, width, crop_size, batch_size, rounds):
    """Times training steps beside their hypercolumn alone, in one run.

    Args:
        network: Name of the backbone.
        width: Factor on its channels.
        crop_size: Side of the images.
        batch_size: Images a step.
        rounds: How often each is timed; medians count.

    Returns:
        A dict of figures: seconds, the hypercolumn's share, and the memory of
        sparse and dense hypercolumns of one image as the process grew.
    """
    config = ColorizerConfig.from_preset(
        "paper",
        network,
        width=width,
        crop_size=crop_size,
        batch_size=batch_size,
        hypercolumn=True,
        steps=1,
    )
    backbone, model = build_colorizer(config)
    taps = networks.taps(backbone)
    batch = _batch(config)
    inputs = batch[0]
    features = tf.function(
        lambda gray: [x for x in _tap_model(backbone, taps)(gray, training=False)]
    )(inputs["gray"])
    sparse = layers.SparseHypercolumn(
        [tap.stride for tap in taps], [tap.offset for tap in taps]
    )
    memory = _memory(taps, features, inputs)

    optimizer = optimizers.make_optimizer(config, 1)
    optimizer.build(model.trainable_variables)
    terms = {
        "hue": loop.Term(losses.HistogramKL(), 5.0),
        "chroma": loop.Term(losses.HistogramKL(), 1.0),
    }
    step = tf.function(
        loop.Step(model, optimizer, terms, tf.distribute.get_strategy()).__call__
    )

    @tf.function
    def hypercolumn(features, points):
        with tf.GradientTape() as tape:
            tape.watch(features)
            columns = sparse(features, points)
        return [
            tf.reduce_sum(tf.convert_to_tensor(gradient))
            for gradient in tape.gradient(columns, features)
        ]

    seconds = {"step": [], "hypercolumn": []}
    for _ in range(rounds + 1):
        for name, run in (
            ("step", lambda: step(*batch)),
            ("hypercolumn", lambda: hypercolumn(features, inputs["points"])),
        ):
            start = time.perf_counter()
            tf.nest.map_structure(lambda x: x.numpy(), run())
            seconds[name].append(time.perf_counter() - start)
    # The first round compiles.
    median = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    return {
        "network": network,
        "channels": sum(tap.channels for tap in taps),
        "seconds_per_step": median["step"],
        "images_per_second": batch_size / median["step"],
        "hypercolumn_seconds": median["hypercolumn"],
        "hypercolumn_share": median["hypercolumn"] / median["step"],
        **memory,
    }


def _tap_model(backbone, taps):
    outputs = [backbone.get_layer(tap.layer).output for tap in taps]
    return keras.Model(backbone.input, outputs)


def _batch(config):
    shape = [config.batch_size, config.points]
    histograms = tf.fill([*shape, config.bins], 1.0 / config.bins)
    weights = tf.ones(shape)
    gray = tf.random.uniform(
        [config.batch_size, config.crop_size, config.crop_size, 1], -0.4, 0.5
    )
    points = tf.random.uniform([*shape, 2], 0, config.crop_size - 1)
    return (
        {"gray": gray, "points": points},
        {"hue": histograms, "chroma": histograms},
        {"hue": weights, "chroma": weights},
    )


def _memory(taps, features, inputs):
    """Grows the process by a sparse, then by a dense hypercolumn of one image."""
    geometry = [tap.stride for tap in taps], [tap.offset for tap in taps]
    one = [x[:1] for x in features]
    sparse = layers.SparseHypercolumn(*geometry)
    dense = layers.DenseHypercolumn(*geometry)
    growth = {}
    for name, run in (
        ("sparse", lambda: sparse(one, inputs["points"][:1])),
        ("dense", lambda: dense(one, inputs["gray"][:1])),
    ):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        columns = run()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        growth[f"{name}_megabytes"] = (after - before) / 1024
        growth[f"{name}_output_megabytes"] = 4 * columns.shape.num_elements() / 1024**2
        del columns
    return growth
