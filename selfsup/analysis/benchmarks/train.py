"""Speed of a training step, and what its sparse hypercolumn takes of it."""

import statistics

import keras
import tensorflow as tf

from selfsup import layers, losses
from selfsup.analysis.benchmarks import process
from selfsup.training.optimizers import make_optimizer
from selfsup.training.step import Step, WeightedLoss
from selfsup.training.tasks.colorization import Colorization, ColorizationConfig


def measure(network, width, crop_size, batch_size, rounds):
    """Times training steps beside their hypercolumn alone, in one run.

    The images are the embedded photographs.

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
    config = ColorizationConfig.from_preset(
        "paper",
        network,
        width=width,
        crop_size=crop_size,
        batch_size=batch_size,
        hypercolumn=True,
        steps=1,
    )
    task = Colorization(config)
    samples = task.open("train")
    backbone = task.backbone(samples)
    model = task.model(backbone, samples)
    inputs, targets, weights, _ = next(iter(task.batches(samples)))
    sparse = model.get_layer("hypercolumn")
    *taps, _ = sparse.input
    features = tf.function(keras.Model(backbone.input, taps))(inputs["gray"])
    memory = _memory(sparse, features, inputs)

    optimizer = make_optimizer(config, 1)
    optimizer.build(model.trainable_variables)
    weighted = {name: WeightedLoss(losses.HistogramKL(), 1.0) for name in targets}
    strategy = tf.distribute.get_strategy()
    step = tf.function(Step(model, optimizer, weighted, strategy).__call__)

    @tf.function
    def hypercolumn(features, points):
        with tf.GradientTape() as tape:
            tape.watch(features)
            columns = sparse(features, points)
        return [
            tf.reduce_sum(tf.convert_to_tensor(gradient))
            for gradient in tape.gradient(columns, features)
        ]

    runs = {
        "step": lambda: step(inputs, targets, weights)["loss"].numpy(),
        "hypercolumn": lambda: [
            total.numpy() for total in hypercolumn(features, inputs["points"])
        ],
    }
    seconds = process.seconds_in_turns(runs, rounds)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "network": network,
        "channels": sum(tap.shape[-1] for tap in taps),
        "seconds_per_step": median["step"],
        "images_per_second": batch_size / median["step"],
        "hypercolumn_seconds": median["hypercolumn"],
        "hypercolumn_share": median["hypercolumn"] / median["step"],
        **memory,
    }


def _memory(sparse, features, inputs):
    """Grows the process by a sparse, then by a dense hypercolumn of one image."""
    dense = layers.DenseHypercolumn(sparse.strides, sparse.offsets)
    one = [feature[:1] for feature in features]
    growth = {}
    for name, run in (
        ("sparse", lambda: sparse(one, inputs["points"][:1])),
        ("dense", lambda: dense(one, inputs["gray"][:1])),
    ):
        process.reset_peak()
        before = process.held_megabytes()
        columns = run()
        growth[f"{name}_megabytes"] = process.peak_megabytes() - before
        growth[f"{name}_output_megabytes"] = 4 * columns.shape.num_elements() / 1024**2
    return growth
