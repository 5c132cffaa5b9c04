"""A small colorizer and a photograph for the tests that color files."""

import keras
import PIL.Image
import pytest

from selfsup import heads, inference, networks

import fakes


@pytest.fixture(scope="module")
def model():
    gray = keras.Input((None, None, 1), name="gray")
    maps = keras.layers.Conv2D(4, 3, padding="same", name="conv")(gray)
    taps = [networks.Tap("conv", 1, 0, 4)]
    return fakes.randomize(
        heads.colorizer(keras.Model(gray, maps), taps, 8, hidden=8), bias=0.3
    )


@pytest.fixture
def quick(monkeypatch):
    """Spares the compilation of the network: one color for all pixels."""
    monkeypatch.setattr(inference, "dense_predictor", lambda model: fakes.always(2, 20))


@pytest.fixture(scope="module")
def picture(photos):
    return PIL.Image.open(photos / "coffee.jpg").resize((60, 40))
