"""The figures follow what the process holds."""

import numpy as np

from selfsup.analysis.benchmarks import process_memory


def test_the_peak_follows_an_array_and_can_be_reset():
    process_memory.reset_peak()
    before = process_memory.held()
    array = np.ones(2**24)  # 128 MB
    assert process_memory.held() > before + 100
    del array
    assert process_memory.peak() > before + 100 > process_memory.held()
    process_memory.reset_peak()
    assert process_memory.peak() < before + 100
