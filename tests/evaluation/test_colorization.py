"""Measures of colour against scikit-image, SciPy and values worked by hand."""

import numpy as np
import pytest
import scipy.stats
import skimage.metrics
import tensorflow as tf

from selfsup import color, data, heads, networks
from selfsup.evaluation import colorization

import fakes

RNG = np.random.default_rng(0)


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


def test_images_without_colour_are_refused():
    inputs, targets, weights, _ = _batch()
    weights = {name: np.zeros_like(weight) for name, weight in weights.items()}
    with pytest.raises(ValueError, match="no colour to learn from"):
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


@pytest.mark.parametrize("side", [None, 7, 40])
@pytest.mark.parametrize("shape", [(1, 1), (9, 31), (33, 16)])
def test_colouring_keeps_the_gray_and_takes_the_predicted_colour(shape, side):
    image = RNG.uniform(0.4, 0.6, (*shape, 3)).astype(np.float32)
    rgb = colorization.colorize(fakes.always(10, 3), image, side)
    gray = image.mean(-1, keepdims=True)
    np.testing.assert_allclose(rgb.mean(-1, keepdims=True), gray, atol=1e-6)
    hue, chroma = color.rgb_to_hue_chroma(rgb)
    # Bin 10 of hue is centred at 10.5 / 32, bin 3 of chroma at 3.5 / 32.
    np.testing.assert_allclose(hue, 10.5 / 32, atol=1e-3)
    np.testing.assert_allclose(chroma, 3.5 / 32, atol=1e-3)


@pytest.mark.parametrize(
    "shape, side, expected",
    [
        ((30, 40), 15, (15, 20)),
        ((8, 64), 4, (4, 32)),
        # Longer than 8 to 1: 8 * 16 pixels, still 25 to 1.
        ((4, 100), 4, (2, 57)),
        ((1, 5000), 4, (1, 800)),
        ((1, 1), 4, (4, 4)),
    ],
)
def test_the_network_sees_the_side_wanted_unless_the_image_is_long(
    shape, side, expected
):
    image = np.full((*shape, 1), 0.25, np.float32)
    small = colorization.at_side(image, side)
    assert small.shape == (*expected, 1)
    np.testing.assert_allclose(small, 0.25, atol=1e-6)


def test_differences_sum_to_zero_and_make_the_colour():
    gray = np.full((9, 12, 1), 0.5, np.float32)
    predict = fakes.always(10, 3)
    differences = colorization.predicted_differences(predict, gray, side=3)
    assert differences.shape == (3, 4, 3)
    np.testing.assert_allclose(np.sum(differences, -1), 0, atol=1e-6)
    coloured = colorization.colorize(predict, gray, side=3)
    np.testing.assert_allclose(
        coloured - gray, np.broadcast_to(differences[0, 0], (9, 12, 3)), atol=1e-6
    )


@pytest.mark.parametrize(
    "shape, margin", [((1, 1), 0), ((9, 40), 1), ((40, 17), 2), ((300, 200), 16)]
)
def test_the_network_sees_a_mirrored_margin_that_is_cut_off(shape, margin):
    gray = RNG.random((*shape, 1), dtype=np.float32)
    seen = []

    def predict(image):
        seen.append(image.numpy())
        return fakes.always(10, 3)(image)

    differences = colorization.predicted_differences(predict, gray)
    # NumPy calls it symmetric: the edge itself is repeated.
    pads = [(margin, margin), (margin, margin), (0, 0)]
    expected = np.pad(gray, pads, "symmetric") - 0.4488
    np.testing.assert_allclose(seen[0][0], expected, atol=1e-6)
    assert differences.shape == (*shape, 3)


def test_each_pixel_gets_the_colour_predicted_there():
    gray = np.full((8, 12, 1), 0.5, np.float32)

    def predict(image):
        # The chroma of a pixel tells its place; the margin has one pixel.
        rows, columns = np.indices(image.shape[1:3]) - 1
        return {
            "hue": 30 * tf.one_hot(np.zeros((1, *rows.shape), int), 32),
            "chroma": 30 * tf.one_hot((rows + columns)[None], 32),
        }

    differences = colorization.predicted_differences(predict, gray).numpy()
    rows, columns = np.indices((8, 12))
    # The centres of bins k lie at (k + 0.5) / 32.
    expected = (rows + columns + 0.5) / 32
    np.testing.assert_allclose(np.ptp(differences, axis=-1), expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["backbone", "segmenter", "colour", "other names"])
def test_models_that_are_no_colorizers_are_refused(kind):
    backbone = fakes.network("vgg16", input_channels=3 if kind == "colour" else 1)
    taps = networks.taps(backbone)
    model = {
        "backbone": lambda: backbone,
        "segmenter": lambda: heads.segmenter(backbone, taps, 3, hidden=2),
        "colour": lambda: heads.colorizer(backbone, taps, hidden=2),
        "other names": lambda: heads.classifier(backbone, 3),
    }[kind]()
    with pytest.raises(ValueError, match=f"no colorizer.*Received: .*{model.name}"):
        colorization.check_colorizer(model)


@pytest.mark.parametrize("loss", ["histogram", "lab"])
def test_colorizers_are_accepted(loss):
    backbone = fakes.network("vgg16")
    taps = networks.taps(backbone)
    colorization.check_colorizer(heads.colorizer(backbone, taps, loss=loss, hidden=2))


def test_gray_and_colour_images_are_coloured_alike():
    image = RNG.random((8, 9, 3), dtype=np.float32)
    gray = image.mean(-1, keepdims=True)
    np.testing.assert_allclose(
        colorization.colorize(fakes.always(5, 9), image),
        colorization.colorize(fakes.always(5, 9), gray),
        atol=1e-5,
    )


def test_lab_prediction_is_decoded_at_its_scale():
    image = np.full((6, 6, 1), 0.5, np.float32)
    ab = np.float32([20.0, -30.0])

    def predict(gray):
        scaled = tf.constant(ab / 110.0)
        return {"ab": tf.broadcast_to(scaled, [*gray.shape[:3], 2])}

    rgb = colorization.colorize(predict, image)
    expected = color.gray_ab_to_rgb(image, np.broadcast_to(ab, (6, 6, 2)))
    np.testing.assert_allclose(rgb, expected, atol=1e-5)


def test_image_metrics_agree_with_scikit_image():
    images = [RNG.random((9, 12, 3), dtype=np.float32) for _ in range(3)]
    metrics = colorization.image_metrics(fakes.always(20, 12), images)
    coloured = [colorization.colorize(fakes.always(20, 12), image) for image in images]
    mse = [
        skimage.metrics.mean_squared_error(a, b)
        for a, b in zip(images, coloured, strict=True)
    ]
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean(mse)), rel=1e-5)
    psnr = [
        skimage.metrics.peak_signal_noise_ratio(a, b, data_range=1)
        for a, b in zip(images, coloured, strict=True)
    ]
    assert metrics["psnr"] == pytest.approx(np.mean(psnr), rel=1e-5)


def test_predicting_no_colour_is_as_good_as_gray():
    images = [RNG.random((5, 5, 3), dtype=np.float32)]

    def predict(gray):
        flat = tf.zeros([*gray.shape[:3], 32])  # An undecided hue fades out.
        return {"hue": flat, "chroma": flat}

    metrics = colorization.image_metrics(predict, images)
    assert metrics["rmse"] == pytest.approx(metrics["rmse_gray"], rel=1e-5)


def test_dense_predictor_takes_all_sizes_and_equals_the_dense_model():
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), 4, hidden=8)
    fakes.randomize(model, bias=0.1)
    predict, dense = colorization.dense_predictor(model), heads.dense(model)
    for shape in ((1, 5, 7, 1), (2, 33, 12, 1)):
        gray = RNG.uniform(-0.4, 0.5, shape).astype(np.float32)
        expected = dense(gray, training=False)
        for name, value in predict(gray).items():
            np.testing.assert_allclose(value, expected[name], atol=1e-4)


def test_the_ratio_is_that_of_images_with_colour():
    images = [fakes.image(8, 9, 3) + 0.45, np.full((8, 9, 3), 0.25, np.float32)]
    images[0] = np.clip(images[0], 0, 1)
    predict = fakes.always(3, 4)
    both = colorization.image_metrics(predict, images)
    one = colorization.image_metrics(predict, images[:1])
    assert both["psnr_gray"] == one["psnr_gray"] < 30
    assert both["psnr"] == one["psnr"]
    assert both["rmse_gray"] < one["rmse_gray"]
    assert colorization.image_metrics(predict, images[1:])["psnr_gray"] > 99
