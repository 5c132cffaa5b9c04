"""The figures follow what the process does and holds."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from selfsup.analysis.benchmarks import process


def test_the_peak_follows_an_array_and_can_be_reset():
    process.reset_peak()
    before = process.held_megabytes()
    array = np.ones(2**24)  # 128 MB
    assert process.held_megabytes() > before + 100
    del array
    assert process.peak_megabytes() > before + 100 > process.held_megabytes()
    process.reset_peak()
    assert process.peak_megabytes() < before + 100


def test_functions_are_timed_in_turns_after_a_first_call():
    calls = []

    def slow():
        calls.append("slow")
        # The first call takes longest, and does not count.
        time.sleep(0.3 if calls.count("slow") == 1 else 0.02)

    runs = {"slow": slow, "fast": lambda: calls.append("fast")}
    seconds = process.seconds_in_turns(runs, 3)
    assert calls == ["slow", "fast"] * 4
    assert all(0.02 <= value.wall < 0.3 for value in seconds["slow"])
    # Sleeping takes time of the clock only.
    assert all(value.processor < 0.01 for value in seconds["slow"])
    assert len(seconds["fast"]) == 3


def test_steps_of_a_round_are_waited_for_once():
    calls = []

    def wait(result):
        calls.append(f"wait for {result}")
        time.sleep(0.04)

    def start():
        calls.append("start")
        return len(calls)

    seconds = process.seconds_a_step(start, wait, steps=4, rounds=range(2))
    assert calls == [*["start"] * 4, "wait for 4", *["start"] * 4, "wait for 9"]
    assert len(seconds) == 2 and all(value.wall >= 0.01 for value in seconds)
    found = process.milliseconds([process.Seconds(3, 1), process.Seconds(1, 2)])
    assert found == {"milliseconds": 2000, "processor_milliseconds": 1500}


def test_operations_of_a_product_are_counted():
    def start():
        time.sleep(0.001)

    # Twice the third power, in a millisecond or more.
    assert 0 < process.product_flops(10, start, lambda result: None) <= 2e6


@pytest.mark.slow
def test_threads_that_start_later_stay_on_the_cores():
    program = (
        "import os; from selfsup.analysis.benchmarks import process;"
        "process.limit_threads(0); print(len(os.sched_getaffinity(0)));"
        "process.limit_threads(1); print(len(os.sched_getaffinity(0)))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cores = len(os.sched_getaffinity(0))
    assert done.stdout.split() == [str(cores), "1"]
