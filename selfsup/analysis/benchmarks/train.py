"""Speed and memory of a training step, in turns with its twin in PyTorch."""

import contextlib
import importlib.util
import statistics

from absl import logging

from selfsup.analysis.benchmarks import child

COLUMNS = {
    "side": ("side", ""),
    "part": ("part", ""),
    "processor ms/step": ("processor_milliseconds", ".1f"),
    "ms/step": ("milliseconds", ".1f"),
    "images/s": ("images_per_second", ".2f"),
    "TFLOP/s": ("teraflops", ".3f"),
    "of peak": ("share_of_peak", ".1%"),
    "MB": ("peak_megabytes", ".0f"),
    "of output": ("output_megabytes", ".1f"),
    "twin: loss": ("twin_loss", ".5f"),
    "gradient": ("twin_gradient_norm", ".5f"),
    "processor speed beside torch": ("processor_ratio_to_torch", ".2f"),
    "speed beside torch": ("ratio_to_torch", ".2f"),
}


def measure(config, program=child.PROGRAM):
    """Times the step on each side, each in a process of its own, in turns.

    Args:
        config: A `TrainConfig`.
        program: The program of a side.

    Returns:
        A list of dicts, one a side, and one a part of our step. Ratios are medians
        over the rounds of the twin's time, divided by ours of the same round.
    """
    sides = _sides(config)
    with contextlib.ExitStack() as stack:
        running = {}
        for side in sides:
            logging.info("Compiling the step of %s", side)
            given = [*child.flags(config, side=side), "--turns"]
            running[side] = stack.enter_context(child.Turns(given, side, program))
            # Before the next one starts: both would be slower.
            running[side].wait()
        for number in range(config.rounds):
            logging.info("Round %d of %d", number + 1, config.rounds)
            for own in running.values():
                own.turn()
        found = {side: own.result() for side, own in running.items()}
    sides = compared({side: {"side": side, **own} for side, own in found.items()})
    parts = [own.pop("timed_parts", {}) for own in sides]
    return sides + [
        {"side": own["side"], "part": name, **figures}
        for own, timed in zip(sides, parts, strict=True)
        for name, figures in timed.items()
    ]


def _sides(config):
    if config.side != "both":
        return [config.side]
    twin = config.network == "vgg16" or (
        config.network == "resnet152" and not config.hypercolumn
    )
    if not twin:
        logging.info("PyTorch's side has no such network: Keras is timed alone")
    elif not importlib.util.find_spec("torch"):
        logging.info("PyTorch is not installed: Keras is timed alone")
    else:
        return ["keras", "torch"]
    return ["keras"]


def compared(found):
    """Adds to our side how many times as fast as the twin it is.

    The twin's process has compared both models; each side gets its own figures.

    Args:
        found: Dict from sides to their figures.

    Returns:
        A list of the figures.
    """
    if len(found) == 2 and not any("error" in own for own in found.values()):
        ours, twin = found["keras"], found["torch"]
        for name in ("twin_loss", "twin_gradient_norm"):
            if name in twin:
                ours[name], twin[name] = twin[name]
        for prefix in ("processor_", ""):
            pairs = zip(
                twin[f"{prefix}seconds_by_round"],
                ours[f"{prefix}seconds_by_round"],
                strict=True,
            )
            ratio = statistics.median(other / own for other, own in pairs)
            ours[f"{prefix}ratio_to_torch"] = ratio
    return list(found.values())
