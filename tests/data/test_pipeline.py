"""The stream of batches: contract, purity, bad images, held-out images."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, targets

CONFIG = data.PipelineConfig(
    crop_size=48, min_side=48, max_side=80, points=16, point_margin=4, batch_size=6
)


def take(config, count, start=0, **kwargs):
    dataset = data.pipeline(config, start, status=True, **kwargs).take(count)
    return [tf.nest.map_structure(np.array, batch) for batch in dataset]


def assert_same(batches, others):
    assert len(batches) == len(others)
    tf.nest.map_structure(np.testing.assert_array_equal, batches, others)


def indices(batches):
    return np.concatenate([batch[3]["index"] for batch in batches])


def test_batches_keep_the_contract(whole):
    inputs, target, weights, status = whole[0]
    assert inputs["gray"].shape == (6, 48, 48, 1)
    assert inputs["gray"].dtype == inputs["points"].dtype == np.float32
    assert inputs["points"].shape == (6, 16, 2)
    assert inputs["points"].min() >= 4 and inputs["points"].max() < 44
    for key in ("hue", "chroma"):
        assert target[key].shape == (6, 16, 32)
        np.testing.assert_allclose(target[key].sum(-1), 1, atol=1e-6)
        assert weights[key].shape == (6, 16)
    assert np.all(status["status"] == data.OK)
    spec = data.pipeline(CONFIG).element_spec
    assert len(spec) == 3 and spec[0]["gray"].shape == (6, 48, 48, 1)


def test_targets_and_weights_belong_to_the_gray_input(tmp_path):
    # Each pixel's gray shows its color: gray g is (g, g / 2, 0) scaled to mean g.
    ramp = np.linspace(0.05, 0.6, 48, dtype=np.float32)
    gray = np.repeat(ramp[None], 48, 0)
    image = gray[..., None] * [2.0, 1.0, 0.0]
    pixels = np.clip(np.round(image * 255 / 1.2), 0, 255).astype(np.uint8)
    path = tmp_path / "x.png"
    path.write_bytes(tf.io.encode_png(pixels).numpy())
    config = dataclasses.replace(
        CONFIG, data=(str(path),), max_side=48, window=1, batch_size=8
    )
    inputs, target, weights, _ = take(config, 1)[0]
    for b in range(8):
        y, x = inputs["points"][b].astype(int).T
        at_points = inputs["gray"][b, y, x, 0] + 0.4488
        chroma = 2 * at_points
        np.testing.assert_allclose(weights["hue"][b], chroma, atol=0.01)
        expected = np.minimum(1, 3 * np.minimum(at_points, 1 - at_points))
        np.testing.assert_allclose(weights["chroma"][b], expected, atol=1e-4)
        found = target["chroma"][b].argmax(-1)
        assert np.abs(found - np.floor(chroma * 32)).max() <= 1


@pytest.fixture(scope="module")
def whole():
    return take(CONFIG, 24)


@pytest.mark.parametrize("start", [7, 20])
def test_streams_start_anywhere(whole, start):
    # 46 photographs: an epoch ends inside of batch 7.
    assert_same(take(CONFIG, 3, start), whole[start : start + 3])


@pytest.mark.slow
def test_streams_of_mixed_sources_start_anywhere(photos):
    config = dataclasses.replace(
        CONFIG, data=(str(photos), str(photos / "coffee.jpg"), str(photos))
    )
    assert_same(take(config, 3, 5), take(config, 8)[5:])


def test_streams_of_shares_start_anywhere(photos):
    sources = (f"{photos / 'coffee.jpg'}=0.25", f"{photos}")
    config = dataclasses.replace(CONFIG, data=sources, batch_size=4)
    whole = take(config, 3)
    assert_same(take(config, 1, 2), whole[2:])
    # It is the first image; every batch has one.
    assert [np.sum(indices([batch]) == 0) for batch in whole] == [1] * 3


def test_streams_depend_on_the_seed(whole):
    first = whole[:3]
    other = take(dataclasses.replace(CONFIG, seed=1), 3)
    assert np.any(indices(first) != indices(other))
    assert np.any(first[0][0]["points"] != other[0][0]["points"])


@pytest.mark.slow
def test_the_batch_size_cuts_the_same_stream():
    large = take(dataclasses.replace(CONFIG, batch_size=34), 1)[0]
    small = take(dataclasses.replace(CONFIG, batch_size=17), 2)
    gray = np.concatenate([batch[0]["gray"] for batch in small])
    np.testing.assert_array_equal(large[0]["gray"], gray)


@pytest.mark.slow
def test_workers_read_their_parts_of_a_batch(spoiled):
    config, images, batches = spoiled
    parts = [take(config, 2, 1, images=images, shard=(w, 2)) for w in range(2)]
    assert parts[0][0][0]["gray"].shape[0] == 4
    joined = tf.nest.map_structure(lambda *part: np.concatenate(part), *parts)
    assert_same(joined, batches[1:3])


def test_an_epoch_has_every_image_once_and_augments_anew():
    config = dataclasses.replace(CONFIG, batch_size=23)
    batches = take(config, 4)
    for epoch in (indices(batches[:2]), indices(batches[2:])):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(46))
    gray = np.concatenate([batch[0]["gray"] for batch in batches])
    first, second = np.argsort(indices(batches).reshape(2, 46)) + [[0], [46]]
    changed = np.any(gray[first] != gray[second], axis=(1, 2, 3))
    assert np.all(changed)


def test_held_out_images_come_once_and_the_last_batch_is_filled():
    config = dataclasses.replace(CONFIG, augment=False, batch_size=20)
    batches = take(config, 99)
    np.testing.assert_array_equal(
        indices(batches), np.concatenate([np.arange(46), np.full(14, data.PADDING)])
    )
    _, target, weights, status = batches[-1]
    for key in ("hue", "chroma"):
        assert np.all(weights[key][6:] == 0) and np.any(weights[key][:6] > 0)
        np.testing.assert_allclose(target[key].sum(-1), 1, atol=1e-6)
    assert np.all(batches[-1][0]["gray"][6:] == 0)
    assert np.all(status["status"] == data.OK)


@pytest.mark.slow
def test_held_out_samples_do_not_depend_on_the_batch():
    config = dataclasses.replace(CONFIG, augment=False, batch_size=46)
    whole = take(config, 1)[0]
    parts = take(dataclasses.replace(config, batch_size=5), 99)
    for key in ("gray", "points"):
        joined = np.concatenate([batch[0][key] for batch in parts])[:46]
        np.testing.assert_array_equal(whole[0][key], joined)


@pytest.fixture
def center(tmp_path, photos):
    """A config of one held-out image, and the crop of it that is due."""
    image = data.load_image(photos / "coffee.jpg")[100:200, 100:250]
    (tmp_path / "x.png").write_bytes(tf.io.encode_png(image).numpy())
    config = dataclasses.replace(
        CONFIG, data=(str(tmp_path),), augment=False, min_side=50, max_side=110
    )
    # Shortest side 100 at the mean of 50 and 110, 80: 48 pixels show 60.
    window = image[20:80, 45:105].astype(np.float32) / 255
    return config, tf.image.resize(window, [48, 48]).numpy()


def test_held_out_crop_is_the_center(center):
    config, crop = center
    gray = take(config, 1)[0][0]["gray"][0, ..., 0]
    np.testing.assert_allclose(gray, crop.mean(-1) - 0.4488, atol=1e-6)


@pytest.mark.slow
def test_lab_targets_are_the_colors_at_the_points(center):
    from skimage.color import rgb2lab

    config, crop = center
    histogram = take(config, 1)[0]
    config = dataclasses.replace(config, targets="lab")
    inputs, target, weights, _ = take(config, 1)[0]
    for key in inputs:
        np.testing.assert_array_equal(inputs[key], histogram[0][key])
    y, x = inputs["points"][0].astype(int).T
    expected = rgb2lab(crop[y, x].astype(float))[:, 1:] / targets.LAB_SCALE
    # Interpolation to 0.02 of 255 levels, times Lab's slope of up to 8.
    np.testing.assert_allclose(target["ab"][0], expected, atol=1e-3)
    np.testing.assert_array_equal(weights["ab"], np.eye(6)[:1].T * np.ones([1, 16]))


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory, photos):
    """A folder of 12 photographs, 3 unreadable files and 1 that has vanished.

    Its config, its images and the first four batches.
    """
    folder = tmp_path_factory.mktemp("spoiled")
    good = sorted(photos.glob("*.jpg"))[:12]
    for number, path in enumerate(good):
        os.symlink(path, folder / f"{number:02}.jpg")
    content = good[0].read_bytes()
    (folder / "01-cut.jpg").write_bytes(content[:900])
    (folder / "05-empty.png").write_bytes(b"")
    (folder / "07-text.jpg").write_bytes(b"no image")
    (folder / "09-gone.jpg").write_bytes(content)
    # What follows the end mark does not matter.
    (folder / "02.jpg").unlink()
    (folder / "02.jpg").write_bytes(good[2].read_bytes() + b"more")
    config = dataclasses.replace(CONFIG, data=(str(folder),), batch_size=8)
    images = data.images_of(config)
    os.remove(folder / "09-gone.jpg")
    return config, images, take(config, 4, images=images)


def test_bad_images_become_samples_of_weight_zero_in_place(spoiled):
    _, images, batches = spoiled
    for inputs, target, weights, status in batches:
        for b in range(8):
            bad = "-" in os.path.basename(images.name(status["index"][b]))
            assert (status["status"][b] == data.UNDECODABLE) == bad
            for key in ("hue", "chroma"):
                assert np.any(weights[key][b] != 0) == (not bad)
                np.testing.assert_allclose(target[key][b].sum(-1), 1, atol=1e-6)
            assert np.any(inputs["gray"][b] != 0) == (not bad)


@pytest.mark.slow
def test_bad_images_do_not_shift_the_stream(spoiled, tmp_path, photos):
    config, images, before = spoiled
    assert_same(take(config, 2, 2, images=images), before[2:])
    for index in range(len(images)):
        name = os.path.basename(images.name(index))
        bad = "-" in name
        shutil.copy(photos / "wine.jpg" if bad else images.name(index), tmp_path / name)
    config = dataclasses.replace(config, data=(str(tmp_path),))
    for old, new in zip(before, take(config, 4), strict=True):
        np.testing.assert_array_equal(old[3]["index"], new[3]["index"])
        same = old[3]["status"] == data.OK
        np.testing.assert_array_equal(old[0]["gray"][same], new[0]["gray"][same])


def test_evaluation_names_bad_images(spoiled, whole):
    config, images, _ = spoiled
    config = dataclasses.replace(config, augment=False)
    batches = [*whole[:1], *take(config, 1, images=images)]
    checked = data.decoded(batches, images)
    assert next(checked) is batches[0]
    with pytest.raises(ValueError, match="01-cut.jpg'.*05-empty.png"):
        next(checked)


def test_achromatic_images_are_reported(tmp_path, photos):
    image = data.load_image(photos / "coffee.jpg")[:100, :100]
    gray = np.repeat(image[..., :1], 3, axis=-1)
    (tmp_path / "0-color.jpg").write_bytes(tf.io.encode_jpeg(image).numpy())
    (tmp_path / "1-one-channel.jpg").write_bytes(
        tf.io.encode_jpeg(image[..., :1]).numpy()
    )
    (tmp_path / "2-gray-as-color.jpg").write_bytes(tf.io.encode_jpeg(gray).numpy())
    config = dataclasses.replace(
        CONFIG, data=(str(tmp_path),), augment=False, batch_size=3
    )
    status = take(config, 1)[0][3]["status"]
    expected = [data.OK, data.ACHROMATIC, data.ACHROMATIC]
    np.testing.assert_array_equal(status, expected)


def test_a_single_tiny_image_is_a_stream(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(tf.io.encode_png(np.uint8([[[255, 0, 51]]])).numpy())
    config = dataclasses.replace(CONFIG, data=(str(path),))
    for inputs, _, weights, status in take(config, 2):
        np.testing.assert_allclose(inputs["gray"], 0.4 - 0.4488, atol=1e-6)
        np.testing.assert_allclose(weights["hue"], 1)
        assert np.all(status["status"] == data.OK)
