"""Time and memory that the running process takes; memory as Linux reports it."""

import ctypes
import gc
import os
import pathlib
import statistics
import time
from typing import NamedTuple


class Seconds(NamedTuple):
    """What something took.

    Attributes:
        wall: Seconds of the clock.
        processor: Seconds of all threads together; they hardly depend on what else
            the machine does.
    """

    wall: float
    processor: float


def now():
    """Returns the clocks, as `Seconds` of no meaning but their differences."""
    return Seconds(time.perf_counter(), time.process_time())


def since(start, count=1):
    """Returns the `Seconds` from an earlier `now()` on, divided by a count."""
    end = now()
    return Seconds(*((b - a) / count for a, b in zip(start, end, strict=True)))


def limit_threads(count):
    """Keeps this thread, and all that it starts from now on, on some of the cores.

    Libraries that count the cores when they start then use as many threads.

    Args:
        count: Number of cores; 0 changes nothing.
    """
    if count:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def seconds_in_turns(runs, rounds):
    """Times functions, one after the other in every round.

    Each is called once before, because a first call compiles.

    Args:
        runs: Dict from names to functions without arguments.
        rounds: Number of rounds.

    Returns:
        Dict from names to lists of `Seconds`, one a round.
    """
    seconds = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = now()
            run()
            seconds[name].append(since(start))
    return {name: values[1:] for name, values in seconds.items()}


def seconds_a_step(start, wait, steps, rounds):
    """Times steps that run while the next ones are started.

    Args:
        start: Function without arguments that starts a step and returns its result.
        wait: Function that waits for the result of a step, and so for all before.
        steps: Steps of a round, after which it is waited once.
        rounds: An iterable of one item a round.

    Returns:
        A list of `Seconds` a step, one a round.
    """
    seconds = []
    for _ in rounds:
        begin = now()
        for _ in range(steps):
            result = start()
        wait(result)
        seconds.append(since(begin, steps))
    return seconds


def product_flops(size, start, wait):
    """Returns operations a second of a product of square matrices.

    Args:
        size: Their side.
        start: Function without arguments that starts the product.
        wait: Function that waits for its result.
    """
    seconds = seconds_a_step(start, wait, 10, range(6))
    # The first round compiles.
    return 2 * size**3 / statistics.median(own.wall for own in seconds[1:])


def milliseconds(seconds):
    """Returns the medians of a list of `Seconds`, in milliseconds by their names."""
    return {
        "milliseconds": 1000 * statistics.median(own.wall for own in seconds),
        "processor_milliseconds": 1000
        * statistics.median(own.processor for own in seconds),
    }


def trimmed_megabytes():
    """Gives back to the system what is free, and returns the megabytes held."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return held_megabytes()


def held_megabytes():
    """Returns the megabytes that the process holds."""
    return _figure("VmRSS")


def peak_megabytes():
    """Returns the most megabytes held since the start or `reset_peak`."""
    return _figure("VmHWM")


def reset_peak():
    """Lets the peak start again from what the process holds."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def _figure(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
