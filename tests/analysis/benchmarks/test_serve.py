"""An export is timed beside the Keras model."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from selfsup.analysis.benchmarks import serve
from selfsup.analysis.benchmarks.configs import ServeConfig


@pytest.mark.slow
def test_both_ways_give_the_same_picture_and_are_measured(monkeypatch):
    keras.utils.set_random_seed(0)
    pictures = {}

    def speed(ways, encoded, rounds):
        for name, answer in ways.items():
            (content,) = np.atleast_1d(answer(encoded[0]))
            pictures[name] = np.asarray(Image.open(io.BytesIO(content)), int)
        return measured(ways, encoded, rounds)

    measured = serve._speed
    monkeypatch.setattr(serve, "_speed", speed)
    config = ServeConfig(
        network="alexnet", width=1 / 64, crop_size=32, images=2, rounds=1, requests=4
    )
    found = serve.measure(config)
    # A number close to one half may be rounded the other way.
    assert np.abs(pictures["saved_model"] - pictures["keras"]).max() <= 1
    ways = {row["way"]: row for row in found}
    assert set(ways) == {"saved_model", "keras"}
    assert ways["keras"]["ratio_to_keras"] == 1
    assert ways["saved_model"]["ratio_to_keras"] > 0
    memory = ways["saved_model"]
    assert memory["peak_megabytes"] >= memory["end_megabytes"] > 100
