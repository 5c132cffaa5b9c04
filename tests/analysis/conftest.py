"""What tests of analyses share."""

import numpy as np
import pytest

from selfsup.analysis import photographs

import fakes


def crop_of(samples, index, crops):
    """Noise that stands for the crop of a photograph: its name decides."""
    seed = sum(samples.name(index).encode())
    shape = (crops.crop_size, crops.crop_size, 3 if crops.color else 1)
    return fakes.image(*shape, seed=seed)


@pytest.fixture
def noise_batches(monkeypatch):
    """Puts noise in the place of photographs: tracing their decoding takes seconds."""

    def batches(samples, crops, title=None):
        for numbers in np.array_split(np.arange(len(samples)), -(-len(samples) // 3)):
            images = [crop_of(samples, int(index), crops) for index in numbers]
            yield np.stack(images), numbers

    monkeypatch.setattr(photographs, "batches", batches)
