"""The fused crop against the slow way: scale the color image, then cut."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, targets
from selfsup.data import decoding, partial_decode

FULL_COLOR = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


def config(**fields):
    fields = {"crop_size": 64, "min_side": 64, "max_side": 110, "points": 32, **fields}
    return data.PipelineConfig(**fields)


def sampler(cfg):
    """Returns `sample_image` as a graph, which is built once."""

    @tf.function
    def sample(encoded, seed):
        return partial_decode.sample_image(encoded, seed, cfg)

    return lambda encoded, seed: sample(tf.constant(encoded), tf.constant(seed))


def reference(encoded, seed, cfg, mirror=True):
    """Cuts the window out of the whole image, scales its colors, mirrors it."""
    noise = tf.random.stateless_uniform([4 + 2 * cfg.points], seed).numpy()
    span = cfg.max_side - cfg.min_side + 1
    side = cfg.min_side + min(int(noise[0] * span), span - 1)
    image = decoding.decode(tf.constant(encoded)).numpy()
    height, width = image.shape[:2]
    short = min(height, width)
    size = min(max(int(np.round(cfg.crop_size * short / side)), 1), short)
    y = min(int(noise[1] * (height - size + 1)), height - size)
    x = min(int(noise[2] * (width - size + 1)), width - size)
    window = image[y : y + size, x : x + size].astype(np.float32)
    crop = tf.image.resize(window, [cfg.crop_size] * 2).numpy()
    return crop[:, ::-1] if mirror and noise[3] < 0.5 else crop


def encodings(photos, tmp_path):
    # Less than twice the crop's least side: nothing is reduced beforehand.
    image = cv2.imread(str(photos / "rocket.jpg"))[:120, 100:270]
    for name, pixels in {
        "photo.jpg": image,
        "photo.png": image,
        "tall.jpg": image.transpose(1, 0, 2)[:, :100],
        "small.jpg": image[:17, :23],
        "pixel.png": image[:1, :1],
        "row.jpg": image[:2, :90],
    }.items():
        path = tmp_path / name
        cv2.imwrite(str(path), pixels, FULL_COLOR)
        yield path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0, 8])
def test_samples_equal_scaling_the_color_image(photos, tmp_path, margin):
    cfg = config(point_margin=margin)
    draw = sampler(cfg)
    moved = votes = 0
    for encoded in encodings(photos, tmp_path):
        for number in range(6):
            seed = (3, number)
            sample = draw(encoded, seed)
            crop = reference(encoded, seed, cfg)
            gray = crop.mean(-1) / 255 - 0.4488
            # Sums in another order: rounding of float32 only.
            np.testing.assert_allclose(sample["gray"], gray, atol=2e-5)
            expected, valid = targets.gather_patches(crop, sample["points"])
            patches = tf.reshape(sample["patches"], expected.shape)
            # The op counts from the window's corner in units of its side;
            # 1e-5 of a pixel times a step of 255 levels, and rounding.
            difference = tf.boolean_mask(patches - expected, valid)
            assert np.abs(difference).max() < 0.02
            ours = targets.patch_histograms(patches / 255, valid)
            slow = targets.histograms(crop / 255, sample["points"])
            for key in ours:
                moved += np.abs(ours[key] - slow[key]).sum() / 2
                votes += len(ours[key])
    # Values on the edge of two bins may fall to either side: flat regions of
    # one color can be such, so 1 % of the votes.
    assert moved < 0.01 * votes


def test_halved_chroma_differs_at_the_window_border_only(photos):
    image = cv2.imread(str(photos / "rocket.jpg"))[:120, 100:270]
    encoded = cv2.imencode(".jpg", image)[1].tobytes()
    cfg = config(mirror=False)
    draw = sampler(cfg)
    for number in range(9):
        sample = draw(encoded, (3, number))
        gray = reference(encoded, (3, number), cfg, mirror=False).mean(-1) / 255
        difference = np.abs(sample["gray"] - (gray - 0.4488))
        # The decoder interpolates 4:2:0 chroma between neighbors, of which a
        # partial decode has none beyond its border: a few levels there.
        np.testing.assert_array_less(difference[2:-2, 2:-2], 2e-5)
        assert difference.max() < 5 / 255


def test_all_sides_and_positions_are_drawn():
    noise = np.linspace(0, 1, 10001, dtype=np.float32)[:-1]
    sides = [float(partial_decode.random_side(u, 352, 600)) for u in noise[::10]]
    assert set(sides) == set(range(352, 601))
    places = {
        tuple(partial_decode.crop_window(10, 12, tf.constant(10.0), [u, u], 8).numpy())
        for u in noise[::100]
    }
    assert {y for y, _, _ in places} == {0, 1, 2}
    assert {x for _, x, _ in places} == {0, 1, 2, 3, 4}
    assert {size for _, _, size in places} == {8}


def test_window_has_the_scale_that_was_drawn():
    # 375 x 500 at side 500: 352 pixels show 264 of the source.
    window = partial_decode.crop_window(375, 500, tf.constant(500.0), [0.5, 0.5], 352)
    np.testing.assert_array_equal(
        window, [(375 - 264 + 1) // 2, (500 - 264 + 1) // 2, 264]
    )


def test_mirror_is_drawn_half_of_the_time(photos):
    encoded = (photos / "coffee.jpg").read_bytes()
    cfg = config(min_side=64, max_side=64, points=1)
    square = cv2.resize(cv2.imdecode(np.frombuffer(encoded, np.uint8), 1), (64, 64))
    encoded = tf.constant(cv2.imencode(".png", square)[1].tobytes())
    seeds = tf.data.Dataset.range(1000)
    draw = seeds.map(
        lambda n: partial_decode.sample_image(encoded, [7, n], cfg)["gray"]
    )
    grays = np.stack(list(draw.as_numpy_iterator()))
    plain = square.mean(-1) / 255 - 0.4488
    is_plain = np.abs(grays - plain).max(axis=(1, 2)) < 1e-4
    is_mirrored = np.abs(grays - plain[:, ::-1]).max(axis=(1, 2)) < 1e-4
    assert np.all(is_plain ^ is_mirrored)
    # 500 expected; 6 standard deviations.
    assert abs(is_mirrored.sum() - 500) < 6 * np.sqrt(250)


@pytest.mark.parametrize("kind", [".jpg", ".png"])
@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_large_images_are_averaged_not_aliased(kind, ratio):
    # A fine checkerboard of one pixel: without averaging, its crops are noise.
    height, width = 64 * ratio, 80 * ratio
    board = (np.indices([height, width]).sum(0) % 2 * 255).astype(np.uint8)
    ramp = np.linspace(0, 120, width).astype(np.uint8)
    image = np.dstack([board // 2 + ramp[None]] * 3)
    options = [cv2.IMWRITE_JPEG_QUALITY, 100]
    encoded = tf.constant(cv2.imencode(kind, image, options)[1].tobytes())
    window = partial_decode.read_window(encoded, 64.0, tf.constant([0.5, 0.5]), 64)
    blocks = image[..., 0].reshape(64, ratio, 80, ratio).mean(axis=(1, 3))
    assert window.shape == (64, 64, 3)
    # Two levels of JPEG's rounding.
    assert np.abs(window[..., 0] - blocks[:, 8:72]).max() <= 2


def test_no_detail_is_reduced_away():
    for short, side, choice in [
        (128, 64, 1),
        (127, 64, 0),
        (511, 64, 2),
        (9999, 64, 3),
    ]:
        assert (
            partial_decode.reduction(short, 10**5, tf.constant(float(side))) == choice
        )


@pytest.mark.slow
def test_hundred_megapixels():
    image = np.zeros([10000, 10000, 3], np.uint8)
    image[4000:6000, 4000:6000, 2] = 200
    encoded = tf.constant(cv2.imencode(".jpg", image)[1].tobytes())
    cfg = config(augment=False, min_side=64, max_side=64)
    gray = partial_decode.sample_image(encoded, (0, 0), cfg)["gray"].numpy() + 0.4488
    np.testing.assert_allclose(gray[32, 32], 200 / 765, atol=0.01)
    np.testing.assert_allclose(gray[10, 10], 0, atol=0.01)
