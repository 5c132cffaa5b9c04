"""Time and memory that the running process takes; memory as Linux reports it."""

import pathlib
import time


def seconds_in_turns(runs, rounds):
    """Times functions, one after the other in every round.

    Each is called once before, because a first call compiles.

    Args:
        runs: Dict from names to functions without arguments.
        rounds: Number of rounds.

    Returns:
        Dict from names to lists of seconds, one a round.
    """
    seconds = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in seconds.items()}


def seconds_a_step(start, wait, steps, rounds):
    """Times steps that run while the next ones are started.

    Args:
        start: Function without arguments that starts a step and returns its result.
        wait: Function that waits for the result of a step, and so for all before.
        steps: Steps of a round, after which it is waited once.
        rounds: Number of rounds.

    Returns:
        A list of seconds a step, one number a round.
    """
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(steps):
            result = start()
        wait(result)
        seconds.append((time.perf_counter() - begin) / steps)
    return seconds


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
