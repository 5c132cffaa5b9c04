"""Large photographs are colored as small ones, in any number of strips."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, heads, networks
from selfsup.inference import colorization, photographs

import fakes

RNG = np.random.default_rng(0)


def uneven(gray):
    """Predicts a hue and a chroma that change from pixel to pixel."""
    height, width = gray.shape[1:3]
    hue = (np.add.outer(np.arange(height), 3 * np.arange(width)) % 32)[None]
    return {
        "hue": 30 * tf.one_hot(hue, 32),
        "chroma": 30 * tf.one_hot((hue * 7 + 5) % 24, 32),
    }


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (37, 61), (200, 16)])
@pytest.mark.parametrize("short_side", [5, 24, None])
def test_equals_the_coloring_of_the_whole(shape, short_side, monkeypatch):
    image = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    one = photographs.color_photograph(uneven, image, short_side)
    monkeypatch.setattr(photographs, "_STRIP_PIXELS", 100)
    colored = photographs.color_photograph(uneven, image, short_side)
    np.testing.assert_array_equal(colored, one)
    whole = colorization.color_image(uneven, image / np.float32(255), short_side)
    # 0.5 is the rounding to 8 bits.
    assert np.abs(colored - 255 * whole).max() < 0.51


@pytest.mark.parametrize("saturation", [0.0, 1.0, 5.0])
def test_the_mean_of_every_pixel_stays_though_the_gamut_ends(saturation):
    # All values from black to white, also the ends, where no chroma fits.
    image = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image[:8], image[8:16] = 0, 255
    colored = photographs.color_photograph(
        fakes.always(3, 31), image, 16, saturation=saturation
    )
    assert colored.dtype == np.uint8
    before, after = (x.astype(int).sum(-1) for x in (image, colored))
    # Sums of three channels: half a level each.
    assert np.abs(after - before).max() <= 1.5
    assert (np.ptp(colored[16:], axis=-1).max() > 100) == (saturation > 0)
    assert (colored[:8] == 0).all() and (colored[8:16] == 255).all()


def test_saturation_multiplies_the_differences():
    image = np.full((4, 4, 3), 128, np.uint8)
    # Bin 3 of 32: chroma 0.109, so the channels spread over 28 of 255 levels.
    once, twice = (
        photographs.color_photograph(fakes.always(0, 3), image, saturation=s)
        for s in (1, 2)
    )
    # Twice 27.9, but for the rounding of two channels.
    assert np.ptp(once[0, 0]) == 28 and abs(np.ptp(twice[0, 0]) - 55.8) <= 1


def test_rows_are_those_of_tensorflow():
    small = RNG.random((7, 5, 3), dtype=np.float32)
    for height in (3, 7, 8, 50):
        expected = tf.image.resize(small, [height, 5])
        rows = photographs._rows(small, np.arange(height), height)
        np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_modes_reach_the_decoding():
    image = np.full((4, 4, 3), 128, np.uint8)
    with pytest.raises(ValueError, match="hue_mode='loud'"):
        photographs.color_photograph(fakes.always(0, 3), image, hue_mode="loud")
    with pytest.raises(ValueError, match="chroma_mode='loud'"):
        photographs.color_photograph(fakes.always(0, 3), image, chroma_mode="loud")


def test_imported_weights_are_fed_as_they_want(photos):
    # A rescaling layer belongs to the model: nobody else may apply it.
    image = data.load_image(photos / "coffee.jpg")[::8, ::8]
    results = []
    for rescaling in (None, (255.0, 7.0)):
        backbone = fakes.network("vgg16", rescaling=rescaling)
        model = heads.colorizer(backbone, networks.taps(backbone), 4, hidden=4)
        fakes.randomize(model, bias=0.1)
        if rescaling:
            kernel = backbone.get_layer("conv1_1").kernel
            kernel.assign(kernel / 255.0)
            shift = keras.ops.sum(kernel, (0, 1, 2)) * 7.0
            mean = backbone.get_layer("batch_conv1_1").moving_mean
            mean.assign(mean + shift)
        predict = heads.dense(model)
        results.append(photographs.color_photograph(predict, image, 24))
    # Zero padding is not rescaled, so the outermost pixels differ.
    inner = [result[8:-8, 8:-8].astype(int) for result in results]
    assert np.ptp(inner[0], axis=-1).mean() > 1.5
    assert np.abs(inner[0] - inner[1]).mean() < 0.3
