"""The figures follow what the process does and holds."""

import time

import numpy as np

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
    assert all(0.02 <= value < 0.3 for value in seconds["slow"])
    assert len(seconds["fast"]) == 3 and max(seconds["fast"]) < 0.02


def test_steps_of_a_round_are_waited_for_once():
    calls = []

    def wait(result):
        calls.append(f"wait for {result}")
        time.sleep(0.04)

    def start():
        calls.append("start")
        return len(calls)

    seconds = process.seconds_a_step(start, wait, steps=4, rounds=2)
    assert calls == [*["start"] * 4, "wait for 4", *["start"] * 4, "wait for 9"]
    assert len(seconds) == 2 and all(0.01 <= value < 0.02 for value in seconds)
