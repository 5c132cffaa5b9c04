"""Speed and memory of a training step on random images, on TensorFlow or JAX.

    KERAS_BACKEND=jax python -m selfsup.analysis.benchmarks.step --network vgg16 \
        --crop_size 352 --batch_size 64 --precision mixed_bfloat16

A step computes the loss and its gradients and moves the weights. Prints one line of
JSON. `--side torch` times the same step written in PyTorch. `tools/benchmark.py` runs
this program for `--what train` and `--what growth`.
"""

import contextlib
import dataclasses
import functools
import json
import math
import sys
import time

import keras
from absl import app, flags

from selfsup import heads, losses, networks
from selfsup.analysis.benchmarks import child, flops, process, synthetic
from selfsup.analysis.benchmarks.configs import StepConfig
from selfsup.settings import value_type
from selfsup.training.optimizers import CaffeSGD

LOSS_WEIGHTS = {"hue": 5, "chroma": 1}

_DEFINE = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def colorizer(config):
    """Builds the colorizer of the paper.

    Args:
        config: A `StepConfig`.

    Returns:
        A Keras model that computes in the precision asked for.
    """
    network = networks.ARCHITECTURES[config.network]
    dropout = {"dropout": config.dropout} if "dropout" in network.options else {}
    with _policy(config.precision):
        backbone = network.builder(width=config.width, normalization="plain", **dropout)
        return with_head(backbone, config, config.hypercolumn)


def with_head(backbone, config, hypercolumn):
    """Adds the colorizer's head to a backbone.

    Args:
        backbone: A model of `selfsup.networks`.
        config: A `StepConfig`.
        hypercolumn: Whether all taps are read, or the last one.

    Returns:
        A Keras model.
    """
    taps = networks.taps(backbone)
    return heads.colorizer(
        backbone,
        taps if hypercolumn else taps[-1:],
        hidden=config.hidden,
        dropout=config.dropout,
    )


@contextlib.contextmanager
def _policy(precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def loss(outputs, batch):
    """Returns the loss of predictions: divergences of hue, five times, and chroma.

    Args:
        outputs: Dict of logits.
        batch: A `synthetic.Batch`.

    Returns:
        A scalar.
    """
    divergence = losses.HistogramKL()
    return sum(
        weight * divergence(batch.targets[name], outputs[name], batch.weights[name])
        for name, weight in LOSS_WEIGHTS.items()
    )


def measure(config, rounds=None):
    """Times the step.

    Args:
        config: A `StepConfig`.
        rounds: An iterable of one item a round; None for `config.rounds` of them.

    Returns:
        A dict of figures, the settings among them. `flops` are the operations of a
        step that `flops.of_step` counts, and `xla_flops` those that XLA does, both
        of one image; `share_of_peak` is the rate of the former beside that of a
        large matrix product, in bfloat16 unless a CPU computes in float32.
        `peak_megabytes` is the most memory of the device; on a CPU that of the
        process during the rounds, beyond what it held before the model was built, or
        on JAX what XLA plans for the step.
    """
    process.limit_threads(config.threads)
    rounds = range(config.rounds) if rounds is None else rounds
    held = process.trimmed_megabytes()
    start = time.perf_counter()
    keras.utils.set_random_seed(0)
    model = colorizer(config)
    operations = {"flops": flops.of_step(model, config.crop_size, config.points)}
    if config.side == "torch":
        # Its memory is not the twin's.
        del model
        keras.backend.clear_session()
        return _summary(config, operations | _in_torch(config, rounds))
    optimizer = CaffeSGD()
    optimizer.build(model.trainable_variables)
    found = {
        "parameters": sum(math.prod(x.shape) for x in model.trainable_variables),
        **operations,
        "build_seconds": time.perf_counter() - start,
    }
    batch = synthetic.batch(config.batch_size, config.crop_size, config.points)
    found |= _BACKENDS[keras.backend.backend()](config, model, optimizer, batch, rounds)
    if "process_megabytes" in found:
        found["peak_megabytes"] = found.pop("process_megabytes") - held
    return _summary(config, found)


def product_size(config, on_cpu):
    """Returns the side and the type of the matrices of the peak rate.

    Args:
        config: A `StepConfig`.
        on_cpu: Whether there is no other device.

    Returns:
        A pair: an integer, and `"float32"` or `"bfloat16"`.
    """
    single = on_cpu and config.precision == "float32"
    size = config.product_size or (512 if on_cpu else 8192)
    return size, "float32" if single else "bfloat16"


def _in_torch(config, rounds):
    from selfsup.analysis.benchmarks import torch_step, torch_twin

    twins = torch_twin.compare(config) if config.twin_check else {}
    return twins | torch_step.measure(config, rounds)


def _on_tensorflow(config, model, optimizer, batch, rounds):
    from selfsup.analysis.benchmarks import tf_step

    return tf_step.measure(config, model, optimizer, batch, rounds)


def _on_jax(config, model, optimizer, batch, rounds):
    import jax

    from selfsup.analysis.benchmarks import jax_step

    batch = jax.device_put(batch)
    state = jax_step.state_of(model, optimizer)
    step = jax_step.step(model, loss, optimizer)
    executable, compile_seconds = jax_step.compiled(step, state, batch, donate=True)
    loop = jax_step.Loop(executable, state, batch)
    first = float(loop())
    jax.block_until_ready(loop())
    wait = jax.block_until_ready
    seconds = process.seconds_a_step(loop, wait, config.steps, rounds)
    figures = jax_step.figures(executable)
    found = {
        "framework": f"keras {keras.__version__}, jax {jax.__version__}",
        "device": jax.devices()[0].device_kind,
        "compile_seconds": compile_seconds,
        "seconds": seconds,
        # What the compiler leaves in the process is more than a small step takes.
        "peak_megabytes": jax_step.peak_megabytes() or figures["xla_megabytes"],
        **figures,
        "losses": [first, float(loop())],
    }
    if config.profile:
        found["kernels"] = jax_step.kernels(loop, config.profile)
    size = product_size(config, jax.default_backend() == "cpu")
    found["product_flops"] = jax_step.product_flops(*size)
    if config.parts:
        jax_step.restore(model, optimizer, loop.state)
        found["timed_parts"] = _parts(config, model, batch)
    return found


_BACKENDS = {"tensorflow": _on_tensorflow, "jax": _on_jax}


def _parts(config, model, batch):
    """Times parts of the step, for what the rest of it takes."""
    import jax

    from selfsup.analysis.benchmarks import jax_step

    models = {"": model}
    if config.hypercolumn:
        with _policy(config.precision):
            backbone = keras.Model(model.input["gray"], _last_map(model))
            models[", one tap"] = with_head(backbone, config, hypercolumn=False)
    found = {}
    for suffix, own in models.items():
        # Without moments: nothing is updated.
        state = jax_step.state_of(own)
        for name in ("forward", "backward"):
            function = getattr(jax_step, name)(own, loss)
            executable, compile_seconds = jax_step.compiled(function, state, batch)
            start = functools.partial(executable, state, batch)
            wait = jax.block_until_ready
            wait(start())
            seconds = process.seconds_a_step(start, wait, config.steps, range(3))
            found[name + suffix] = {
                **process.milliseconds(seconds),
                "compile_seconds": compile_seconds,
            }
    return found


def _last_map(model):
    """Returns the output of the network below a hypercolumn."""
    *_, last, _ = model.get_layer("hypercolumn").input
    return last


def _summary(config, found):
    seconds = found.pop("seconds")
    milliseconds = process.milliseconds(seconds)
    images = 1000 * config.batch_size / milliseconds["milliseconds"]
    rates = {
        "images_per_second": images,
        **milliseconds,
        "least_milliseconds": 1000 * min(own.wall for own in seconds),
        "greatest_milliseconds": 1000 * max(own.wall for own in seconds),
        "seconds_by_round": [own.wall for own in seconds],
        "processor_seconds_by_round": [own.processor for own in seconds],
        "teraflops": found["flops"] * images / 1e12,
        "share_of_peak": found["flops"] * images / found["product_flops"],
    }
    if found.get("xla_flops"):
        found["xla_flops"] /= config.batch_size
    return {**config.to_json(), **rates, **found}


def _main(argv):
    if argv[1:]:
        raise app.UsageError(f"Expected flags only. Received: {argv[1]!r}")
    values = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(StepConfig)
    }
    rounds = child.turns() if flags.FLAGS.turns else None
    sys.stdout.write(json.dumps(measure(StepConfig(**values), rounds)) + "\n")


if __name__ == "__main__":
    for _field in dataclasses.fields(StepConfig):
        define = _DEFINE[value_type(_field)]
        define(_field.name, _field.default, _field.metadata["help"])
    flags.DEFINE_bool("turns", False, "Whether each round waits for a line of input.")
    app.run(_main)
