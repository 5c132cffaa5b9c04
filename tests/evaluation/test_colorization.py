"""Measures of color against scikit-image, SciPy and values worked by hand."""

import numpy as np
import pytest
import scipy.stats
import skimage.metrics
import tensorflow as tf

from selfsup import data, evaluation, heads, inference, networks
from selfsup.evaluation import colorization

import fakes
import image_files

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _numbers(monkeypatch):
    """The same numbers in every test, whatever ran before."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def _batch(images=3, points=4, bins=5, padding=0):
    targets = {
        name: RNG.dirichlet(np.ones(bins), (images, points)).astype(np.float32)
        for name in ("hue", "chroma")
    }
    weights = {
        name: RNG.random((images, points)).astype(np.float32) for name in targets
    }
    index = np.arange(images)
    index[images - padding :] = data.PADDING
    status = {"index": index, "status": np.zeros(images, np.int8)}
    return {"gray": np.zeros((images, 1))}, targets, weights, status


def _weighted_kl(batches, name, prediction):
    total = sum(
        float((w[name] * scipy.stats.entropy(t[name], prediction, axis=-1)).sum())
        for _, t, w, _ in batches
    )
    return total / sum(w[name].size for _, _, w, _ in batches)


def _constant(constants):
    """Returns a predictor of the same logits at every point."""

    def predict(inputs):
        count = len(inputs["gray"])
        return {
            name: tf.broadcast_to(value, [count, 4, len(value)])
            for name, value in constants.items()
        }

    return predict


def test_mean_histogram_is_weighted_and_the_best_constant():
    batches = [_batch(), _batch(2)]
    constants = colorization.constant_predictions(batches)
    for name, logits in constants.items():
        mean = np.exp(logits)
        assert mean.sum() == pytest.approx(1, abs=1e-5)
        best = _weighted_kl(batches, name, mean)
        for _ in range(20):
            other = mean * np.exp(RNG.normal(0, 0.1, mean.shape))
            assert _weighted_kl(batches, name, other / other.sum()) > best


def test_constant_of_ab_is_the_weighted_mean():
    targets = {"ab": np.float32([[[0, 1], [1, 3]]])}
    weights = {"ab": np.float32([[1, 3]])}
    constants = colorization.constant_predictions([({}, targets, weights)])
    np.testing.assert_allclose(constants["ab"], [0.75, 2.5])


def test_images_without_color_are_refused():
    inputs, targets, weights, _ = _batch()
    weights = {name: np.zeros_like(weight) for name, weight in weights.items()}
    with pytest.raises(ValueError, match="hue weights that are all 0"):
        colorization.constant_predictions([(inputs, targets, weights)])


def test_point_metrics_are_the_weighted_divergences():
    batches = [_batch(), _batch(2)]
    baseline = colorization.constant_predictions(batches)
    logits = {name: RNG.normal(size=5).astype(np.float32) for name in baseline}
    metrics = colorization.point_metrics(_constant(logits), batches, baseline)
    for name in ("hue", "chroma"):
        softmax = tf.nn.softmax(logits[name]).numpy()
        expected = _weighted_kl(batches, name, softmax)
        assert metrics[name] == pytest.approx(expected, rel=1e-5)
        expected = _weighted_kl(batches, name, np.exp(baseline[name]))
        assert metrics[f"{name}_baseline"] == pytest.approx(expected, rel=1e-5)


def test_padding_and_unreadable_images_do_not_count():
    inputs, targets, weights, status = _batch(6, padding=2)
    status["status"][1] = data.UNDECODABLE
    kept = [0, 2, 3]
    constants = colorization.constant_predictions([(inputs, targets, weights)])
    metrics = colorization.point_metrics(
        _constant(constants), [(inputs, targets, weights, status)], constants
    )
    part = tf.nest.map_structure(lambda x: x[kept], (inputs, targets, weights, status))
    alone = colorization.point_metrics(_constant(constants), [part], constants)
    for name, value in alone.items():
        assert metrics[name] == pytest.approx(value, rel=1e-6)


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        colorization.point_metrics(_constant({}), [], {})


def test_image_metrics_agree_with_scikit_image(monkeypatch):
    # Strips of two rows.
    monkeypatch.setattr("selfsup.inference.photographs._STRIP_PIXELS", 24)
    pixels = [RNG.integers(0, 256, (9, 12, 3), np.uint8) for _ in range(3)]
    images = [image / np.float32(255.0) for image in pixels]
    metrics = colorization.image_metrics(fakes.always(20, 12), pixels)
    colored = [inference.color_image(fakes.always(20, 12), image) for image in images]
    mse = [
        skimage.metrics.mean_squared_error(a, b)
        for a, b in zip(images, colored, strict=True)
    ]
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean(mse)), rel=1e-5)
    psnr = [
        skimage.metrics.peak_signal_noise_ratio(a, b, data_range=1)
        for a, b in zip(images, colored, strict=True)
    ]
    assert metrics["psnr"] == pytest.approx(np.mean(psnr), rel=1e-5)


def test_predicting_no_color_is_as_good_as_gray():
    images = [RNG.integers(0, 256, (5, 5, 3), np.uint8)]

    def predict(gray):
        flat = tf.zeros([*gray.shape[:3], 32])  # An undecided hue fades out.
        return {"hue": flat, "chroma": flat}

    metrics = colorization.image_metrics(predict, images)
    assert metrics["rmse"] == pytest.approx(metrics["rmse_gray"], rel=1e-5)


def test_the_ratio_is_that_of_images_with_color():
    images = [
        RNG.integers(0, 256, (8, 9, 3), np.uint8),
        np.full((8, 9, 3), 64, np.uint8),
    ]
    predict = fakes.always(3, 4)
    both = colorization.image_metrics(predict, images)
    one = colorization.image_metrics(predict, images[:1])
    assert both["psnr_gray"] == one["psnr_gray"] < 30
    assert both["psnr"] == one["psnr"]
    assert both["rmse_gray"] < one["rmse_gray"]
    assert colorization.image_metrics(predict, images[1:])["psnr_gray"] > 99


# Reports on a whole collection.


@pytest.fixture(scope="module")
def predict():
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), hidden=8)
    return inference.colorizer_predictor(fakes.randomize(model, bias=0.1))


def _config(**changes):
    fields = dict(
        crop_size=16, min_side=16, max_side=16, points=9, point_margin=3, batch_size=4
    )
    fields |= dict(val_fraction=0.1, subset="val", augment=False)
    return data.PipelineConfig(**{**fields, **changes})


@pytest.mark.slow
def test_a_report_counts_every_held_out_photograph_once(predict, photos, tmp_path):
    for path in sorted(photos.glob("*.jpg"))[:12]:
        small = image_files.photograph(path, (40, 30))
        (tmp_path / path.name).write_bytes(image_files.encoded(small, "JPEG"))
    source = {"data": (str(tmp_path),), "val_fraction": 0.5}
    config = _config(**source)
    samples = data.images_of(config)
    report = evaluation.evaluate_colorizer(predict, samples, config)
    # Six images are no multiple of the batch: the filling must not count.
    assert report["images"] == len(samples) == 6
    kl = []
    for inputs, targets, weights in data.pipeline(_config(batch_size=1, **source)):
        logits = predict.points(inputs)["chroma"].numpy()
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        q = np.maximum(targets["chroma"], 1e-30)
        kl.append((weights["chroma"] * (q * (np.log(q) - logits)).sum(-1)).numpy())
    assert report["chroma"] == pytest.approx(np.mean(kl), rel=1e-4)
    # The best constant of the images themselves, and a worse one.
    uniform = {name: np.zeros(32, np.float32) for name in ("hue", "chroma")}
    given = evaluation.evaluate_colorizer(predict, samples, config, uniform)
    for name in ("hue", "chroma"):
        assert given[name] == report[name]
        assert report[f"{name}_baseline"] < given[f"{name}_baseline"]


def test_an_unreadable_image_ends_the_report(predict, photos, tmp_path):
    (tmp_path / "good.jpg").write_bytes((photos / "coffee.jpg").read_bytes())
    (tmp_path / "torn.jpg").write_bytes((photos / "coffee.jpg").read_bytes()[:2000])
    config = _config(data=(str(tmp_path),), subset="all")
    with pytest.raises(ValueError, match="torn.jpg"):
        evaluation.evaluate_colorizer(predict, data.images_of(config), config)
