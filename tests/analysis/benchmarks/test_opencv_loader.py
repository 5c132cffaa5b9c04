"""The loader of OpenCV and NumPy makes the samples of the pipeline."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data
from selfsup.analysis.benchmarks import opencv_loader
from selfsup.data import partial_decode
from selfsup.data.pipeline import finish_batch


def _both(path, config, seed):
    """The sample of the pipeline and that of the loader, of the same numbers."""
    seed = (seed, 0)
    sampled = partial_decode.sample_image(tf.io.read_file(str(path)), seed, config)
    batch = {name: value[None] for name, value in sampled.items()}
    batch |= {"ok": tf.constant([True]), "index": tf.constant([0], tf.int64)}
    inputs, targets, weights, _ = finish_batch(batch, config)
    parts = [inputs["gray"], inputs["points"], targets["hue"], targets["chroma"]]
    parts += [weights["hue"], weights["chroma"]]
    noise = tf.random.stateless_uniform([4 + 2 * config.points], seed).numpy()
    found = opencv_loader.sample(str(path), noise, config)
    return [part.numpy()[0] for part in parts], found


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """A smooth image in colors, as JPEG.

    Its colors have the full resolution: at the border of a window the pipeline decodes
    coarser ones without their neighbors.
    """
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (160, 120))
    path = tmp_path_factory.mktemp("photograph") / "image.jpg"
    full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    cv2.imwrite(str(path), image, full)
    return path


@pytest.mark.parametrize("side, crop", [(120, 40), (60, 24), (15, 15)])
def test_crops_that_are_not_scaled_are_equal(photograph, side, crop):
    """Whole, reduced by two, and by eight; windows at the border in the last."""
    config = data.PipelineConfig(
        crop_size=crop, min_side=side, max_side=side, points=40, point_margin=1
    )
    for seed in range(4):
        expected, found = _both(photograph, config, seed)
        for one, other in zip(expected, found, strict=True):
            assert one.shape == other.shape and one.dtype == other.dtype
        for index in (0, 1, 4, 5):
            np.testing.assert_allclose(found[index], expected[index], 0, 1e-6)
        for index in (2, 3):
            # A value at the border of two bins may be rounded either way.
            moved = np.abs(found[index] - expected[index]).sum(-1) / 2
            assert moved.mean() < 0.005 and moved.max() < 0.1


def test_scaled_crops_are_equal_to_a_byte(photograph):
    config = data.PipelineConfig(crop_size=50, min_side=55, max_side=100, points=60)
    for seed in range(4):
        expected, found = _both(photograph, config, seed)
        assert np.abs(found[0] - expected[0]).max() <= 1 / 255
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(found[2].sum(-1), 1, rtol=1e-5)
        for index in (4, 5):
            assert np.abs(found[index] - expected[index]).max() <= 2 / 255
        moved = [np.abs(found[i] - expected[i]).sum(-1).mean() / 2 for i in (2, 3)]
        assert max(moved) < 0.1


def test_batches_come_without_end_and_in_order_of_the_seed(photograph):
    config = data.PipelineConfig(crop_size=16, min_side=16, batch_size=3, points=5)
    paths = [str(photograph)] * 2
    threads = cv2.getNumThreads()
    runs = [iter(opencv_loader.Loader(paths, config)) for _ in range(2)]
    for _ in range(3):
        (inputs, targets, weights), again = map(next, runs)
        assert inputs["gray"].shape == (3, 16, 16, 1)
        assert inputs["points"].shape == (3, 5, 2)
        assert targets["hue"].shape == (3, 5, 32)
        assert weights["chroma"].shape == (3, 5)
        np.testing.assert_array_equal(inputs["gray"], again[0]["gray"])
    for run in reversed(runs):
        run.close()
    assert cv2.getNumThreads() == threads
