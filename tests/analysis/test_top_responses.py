"""The running top responses against a sort of all of them."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import networks
from selfsup.analysis.patch_colors import PatchColors
from selfsup.analysis.top_responses import TopResponses, top_responses

import fakes


def test_the_running_top_is_that_of_all():
    rng = np.random.default_rng(0)
    # Many are equal: of those the earlier comes first.
    values = rng.integers(0, 6, (40, 5)).astype(np.float32)
    positions, colors = rng.integers(0, 9, (40, 5, 2)), rng.normal(size=(40, 5, 2))
    top = TopResponses(7, 5)
    for part in np.split(np.arange(40), [3, 4, 20]):
        top.update(values[part], 100 + part, positions[part], colors[part])
    order = np.argsort(-values, axis=0, kind="stable")[:7]
    np.testing.assert_array_equal(top.images, 100 + order)
    np.testing.assert_array_equal(top.values, np.take_along_axis(values, order, 0))
    for found, given in ((top.positions, positions), (top.colors, colors)):
        expected = np.take_along_axis(given, order[..., None], 0)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("border", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_responses_are_the_maxima_of_the_maps(channels, border):
    model = fakes.randomize(
        fakes.network("alexnet", input_channels=channels, normalization="none")
    )
    crops = fakes.image(5, 80, 80, 3)
    batches = [(crops[:3], np.arange(3)), (crops[3:], np.arange(3, 5))]
    layers = ["relu1", "relu2"]
    found = top_responses(model, layers, batches, 2, border)
    shown = crops if channels == 3 else crops.mean(axis=-1, keepdims=True)
    for layer, x in zip(layers, fakes.maps(model, layers)(shown), strict=True):
        grid, size = networks.grids(model)[layer], tf.constant(x.shape[1:3])
        colors, counting = (y.numpy() for y in PatchColors(crops).of_map(grid, size))
        if not border:
            counting = PatchColors(crops).of_map(grid, size, False)[1].numpy()
            assert counting.any() and counting.all() == (layer == "relu1")
        x = np.where(counting[..., None], x, -np.inf)
        best = x.max(axis=(1, 2))
        images = np.argsort(-best, axis=0, kind="stable")[:2]
        top, variance = found[layer]
        np.testing.assert_allclose(
            top.values, np.take_along_axis(best, images, 0), rtol=1e-4, atol=1e-5
        )
        for k in range(2):
            for channel in np.flatnonzero(top.values[k] > 0):
                image, (i, j) = top.images[k, channel], top.positions[k, channel]
                assert image == images[k, channel]
                value = x[image, i, j, channel]
                assert value == pytest.approx(top.values[k, channel], rel=1e-4)
                expected = colors[image, i, j]
                np.testing.assert_allclose(top.colors[k, channel], expected)
        points = colors[:, counting]
        distances = np.square(points - points.mean(axis=(0, 1))).sum(axis=-1)
        assert variance == pytest.approx(distances.mean())


def test_a_layer_whose_patches_are_all_cut_off_is_refused():
    model = fakes.network("alexnet")
    batches = [(fakes.image(1, 24, 24, 3), np.arange(1))]
    with pytest.raises(ValueError, match="larger crops.*layer drop7.*355 pixels.*24"):
        top_responses(model, ["drop7"], batches, 2, border=False)
