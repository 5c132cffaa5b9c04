"""A training step on TensorFlow: the trainers' own, in a graph."""

import keras
import tensorflow as tf

from selfsup import layers, losses
from selfsup.analysis.benchmarks import process, step
from selfsup.training.step import Step, WeightedLoss


def measure(config, model, optimizer, batch, rounds):
    """Times the step.

    Args:
        config: A `StepConfig`.
        model: The colorizer.
        optimizer: A built Keras optimizer.
        batch: A `synthetic.Batch`.
        rounds: An iterable of one item a round.

    Returns:
        A dict of figures, named as those of `step.measure`.
    """
    on_cpu = not tf.config.list_logical_devices("GPU")
    gray, points, targets, weights = tf.nest.map_structure(tf.constant, batch)
    inputs = {"gray": gray, "points": points}
    weighted = {
        name: WeightedLoss(losses.HistogramKL(), weight)
        for name, weight in step.LOSS_WEIGHTS.items()
    }
    own = Step(model, optimizer, weighted, tf.distribute.get_strategy())
    compute = tf.function(own.__call__)

    def start():
        return compute(inputs, targets, weights)["loss"]

    begin = process.now()
    first = float(start())
    compile_seconds = process.since(begin).wall
    float(start())
    process.reset_peak()
    if not on_cpu:
        tf.config.experimental.reset_memory_stats("GPU:0")
    seconds = process.seconds_a_step(start, float, config.steps, rounds)
    found = {
        "framework": f"keras {keras.__version__}, tensorflow {tf.__version__}",
        "device": "cpu" if on_cpu else _gpu_name(),
        "compile_seconds": compile_seconds,
        "seconds": seconds,
        **_memory_taken(on_cpu),
        "losses": [first, float(start())],
        "product_flops": _product_flops(*step.product_size(config, on_cpu)),
    }
    if config.parts:
        found["timed_parts"] = _parts(config, model, start, inputs)
    return found


def _gpu_name():
    (gpu, *_) = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpu).get("device_name", "gpu")


def _memory_taken(on_cpu):
    if on_cpu:
        return {"process_megabytes": process.peak_megabytes()}
    peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return {"peak_megabytes": peak / 1024**2}


def _product_flops(size, dtype):
    """Returns operations a second of a product of random square matrices."""
    one, other = (
        tf.cast(tf.random.stateless_normal([size, size], (0, seed)), dtype)
        for seed in range(2)
    )
    product = tf.function(lambda: tf.matmul(one, other))
    return process.product_flops(size, product, lambda result: result[0, 0].numpy())


def _parts(config, model, start, inputs):
    """Times the hypercolumn in turns with the step, and fills memory with one.

    Returns:
        A dict: of the step and of its sparse hypercolumn, forward and back, the
        milliseconds; and the megabytes that a sparse and a dense hypercolumn of one
        image take, and those of the output.
    """
    sparse = model.get_layer("hypercolumn")
    *taps, _ = sparse.input
    features = tf.function(keras.Model(model.input["gray"], taps))(inputs["gray"])

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
        "step": lambda: float(start()),
        "hypercolumn": lambda: [
            float(total) for total in hypercolumn(features, inputs["points"])
        ],
    }
    seconds = process.seconds_in_turns(runs, config.rounds)
    found = {name: process.milliseconds(own) for name, own in seconds.items()}
    return found | _memory(sparse, features, inputs)


def _memory(sparse, features, inputs):
    """Grows the process by a sparse, then by a dense hypercolumn of one image."""
    dense = layers.DenseHypercolumn(sparse.strides, sparse.offsets)
    one = [feature[:1] for feature in features]
    found = {}
    for name, run in (
        ("sparse", lambda: sparse(one, inputs["points"][:1])),
        ("dense", lambda: dense(one, inputs["gray"][:1])),
    ):
        process.reset_peak()
        before = process.held_megabytes()
        columns = run()
        found[f"{name} hypercolumn"] = {
            "peak_megabytes": process.peak_megabytes() - before,
            "output_megabytes": 4 * columns.shape.num_elements() / 1024**2,
        }
    return found


def loss_and_gradients(model, loss, batch):
    """Computes the loss of a batch in training, and its gradients.

    Args:
        model: A Keras model.
        loss: Function of its outputs and a batch.
        batch: A `synthetic.Batch`.

    Returns:
        A pair: a float, and a list of arrays in the order of the trainable variables.
    """
    with tf.GradientTape() as tape:
        outputs = model({"gray": batch.gray, "points": batch.points}, training=True)
        value = loss(outputs, batch)
    variables = [variable.value for variable in model.trainable_variables]
    gradients = tape.gradient(value, variables)
    return float(value), [tf.convert_to_tensor(g).numpy() for g in gradients]
