"""The streams of both tasks: aligned, weighted, strict about bad files."""

import dataclasses
import functools
import gc

import numpy as np
import pytest
import tensorflow as tf

from selfsup.data import batching, crops, voc

CROP, POINTS = 32, 24


@pytest.fixture(scope="module")
def samples(tiny):
    return voc.open_segmentation(tiny.root, "train")


@pytest.fixture(scope="module")
def labeled(samples):
    labels = np.arange(21).reshape(7, 3) % 4
    labels = np.array([0, 1, 255, 0])[labels].astype(np.uint8)
    return voc.ClassificationSet(
        "train", ("a", "b", "c"), samples.names, labels, samples.sources
    )


@pytest.fixture(scope="module")
def stream(samples):
    return segmentation(samples)


@pytest.fixture(scope="module")
def first_batches(stream):
    return list(stream.take(6))


def segmentation(samples, **kwargs):
    arguments = {
        "crop_size": CROP,
        "batch_size": 4,
        "points": POINTS,
        "point_margin": 3,
        **kwargs,
    }
    return voc.segmentation_batches(samples, **arguments)


def classification(samples, **kwargs):
    return voc.classification_batches(
        samples, **{"crop_size": CROP, "batch_size": 4, **kwargs}
    )


def indices_of(batch, samples, seed=0, size=4):
    """Returns the numbers of the images of a batch, by its number."""
    stream = samples.stream(seed, batch * size).take(size)
    return [int(index) for index, _ in stream]


def find_crop(gray, image, mask):
    """Finds the only place of a crop, mirrored or not, and its mask, by search."""
    missing = [max(CROP - side, 0) for side in image.shape[:2]]
    pads = [(m // 2, m - m // 2) for m in missing]
    values = np.pad(image.mean(axis=-1) / 255 - 0.4488, pads)
    mask = np.pad(mask, pads, constant_values=255)
    windows = np.lib.stride_tricks.sliding_window_view(values, [CROP, CROP])
    found = []
    for step in (1, -1):
        difference = np.abs(windows - gray[:, ::step]).max(axis=(2, 3))
        for y, x in np.argwhere(difference < 1e-6):
            shown = mask[y : y + CROP, x : x + CROP][:, ::step]
            found.append((y, x, step, shown))
    assert len(found) == 1
    return found[0]


def test_labels_are_those_of_the_mask_at_the_points(samples, first_batches):
    places = set()
    for batch, (inputs, targets, _) in enumerate(first_batches):
        assert inputs["gray"].shape == (4, CROP, CROP, 1)
        for number, index in enumerate(indices_of(batch, samples)):
            image, mask = samples.image(index), samples.mask(index)
            gray = inputs["gray"][number, ..., 0].numpy()
            y, x, step, crop = find_crop(gray, image, mask)
            points = inputs["points"][number].numpy()
            np.testing.assert_array_equal(points, points.astype(int))
            assert points.min() >= 3 and points.max() < CROP - 3
            rows, columns = points.astype(int).T
            labels = targets["classes"][number].numpy()
            np.testing.assert_array_equal(labels, crop[rows, columns])
            places.add((index, y, x, step))
    # Crops differ, and both directions occur.
    assert len(places) > 15
    assert {step for *_, step in places} == {1, -1}


def test_color_shows_the_same_crops(samples, first_batches):
    gray, color = first_batches[0], next(iter(segmentation(samples, color=True)))
    assert set(color[0]) == {"rgb", "points"}
    np.testing.assert_allclose(
        np.mean(color[0]["rgb"], axis=-1), gray[0]["gray"][..., 0], atol=1e-6
    )
    np.testing.assert_array_equal(color[1]["classes"], gray[1]["classes"])
    image = samples.image(indices_of(0, samples)[0])
    colors = {tuple(pixel) for pixel in image.reshape(-1, 3)}
    levels = np.round((color[0]["rgb"][0].numpy() + 0.4488) * 255).astype(int)
    shown = {tuple(pixel) for pixel in levels.reshape(-1, 3)}
    # 114 is what the mean gray of the padding is rounded to.
    assert shown - {(114, 114, 114)} <= colors


def test_points_with_a_class_weigh_one(first_batches):
    for _, targets, weights in first_batches:
        valid = targets["classes"].numpy() != 255
        assert 0 < valid.sum() < valid.size
        np.testing.assert_array_equal(weights["classes"], valid)


def test_nothing_valid_weighs_nothing(folder, tools):
    samples = voc.open_segmentation(folder.root, "val").subset([0])
    tools.save_mask(folder.mask(folder.names[0]), np.full([40, 60], 255))
    _, targets, weights = next(iter(segmentation(samples)))
    assert np.all(targets["classes"] == 255) and np.all(weights["classes"] == 0)


def test_signatures(stream, labeled):
    def floats(*shape):
        return tf.TensorSpec(shape, tf.float32)

    assert stream.element_spec == (
        {"gray": floats(4, CROP, CROP, 1), "points": floats(4, POINTS, 2)},
        {"classes": tf.TensorSpec([4, POINTS], tf.int32)},
        {"classes": floats(4, POINTS)},
    )
    assert classification(labeled, color=True).element_spec == (
        {"rgb": floats(4, CROP, CROP, 3)},
        {"classes": floats(4, 3)},
        {"classes": floats(4)},
    )


def test_labels_of_classification(labeled):
    seen = set()
    for batch, (_, targets, weights) in enumerate(classification(labeled).take(4)):
        labels = labeled.labels[indices_of(batch, labeled)]
        np.testing.assert_array_equal(targets["classes"], labels)
        seen.update(np.unique(targets["classes"]))
        assert np.all(weights["classes"] == 1)
    assert seen == {0.0, 1.0, 255.0}


@pytest.mark.slow
def test_crops_of_classification_are_scaled_at_random(labeled, monkeypatch):
    batch, _, _ = next(iter(classification(labeled, seed=3)))
    image = labeled.image(indices_of(0, labeled, seed=3)[0])
    with pytest.raises(AssertionError):
        find_crop(batch["gray"][0, ..., 0].numpy(), image, image[..., 0])
    monkeypatch.setattr(crops, "_MIN_SCALE", 1.0)
    monkeypatch.setattr(crops, "_MAX_SCALE", 1.0)
    fixed = classification(labeled, seed=3)
    for batch, (inputs, _, _) in enumerate(fixed.take(2)):
        indices = indices_of(batch, labeled, seed=3)
        for gray, index in zip(inputs["gray"], indices, strict=True):
            image = labeled.image(index)
            find_crop(gray[..., 0].numpy(), image, image[..., 0])


@pytest.mark.slow
def test_images_in_memory_give_the_same_batches(labeled):
    contents = tuple(tf.io.read_file(path).numpy() for path in labeled.sources)
    in_memory = dataclasses.replace(labeled, sources=contents)
    assert_equal(
        list(classification(labeled, seed=3).take(3)),
        list(classification(in_memory, seed=3).take(3)),
    )


@pytest.mark.slow
def test_workers_read_their_parts_of_the_batches_of_classification(labeled):
    whole = next(iter(classification(labeled, start_step=2)))
    parts = [
        next(iter(classification(labeled, start_step=2, shard=(worker, 2))))
        for worker in range(2)
    ]
    joined = tf.nest.map_structure(lambda *part: tf.concat(part, 0), *parts)
    assert_equal(whole, joined)


@pytest.fixture(params=["segmentation", "classification"])
def build(request, samples, labeled):
    if request.param == "segmentation":
        return functools.partial(segmentation, samples)
    return functools.partial(classification, labeled)


def assert_equal(one, other, equal=True):
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    same = [np.array_equal(a, b) for a, b in pairs]
    assert all(same) if equal else not same[0]


@pytest.mark.slow
def test_streams_are_pure_functions_of_seed_and_step(build):
    whole = list(build(seed=9).take(7))
    assert_equal(whole[4:6], list(build(seed=9, start_step=4).take(2)))
    assert_equal(whole[0], next(iter(build(seed=8))), equal=False)


def test_streams_start_far_away(samples):
    far = next(iter(segmentation(samples, start_step=10**12)))
    assert np.all(np.isfinite(far[0]["gray"]))


def test_an_image_is_never_cropped_twice_alike(samples):
    batches = segmentation(samples.subset([0]), batch_size=3)
    crops = np.concatenate([batch[0]["gray"] for batch in batches.take(5)])
    assert len(np.unique(crops.reshape(15, -1), axis=0)) > 10


@pytest.fixture
def collected():
    """Frees the streams that errors keep alive here.

    A stream that Python's collector frees in one of the stream's own threads
    waits for itself. Older objects are left out, which are many.
    """
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()


@pytest.mark.parametrize("in_graph", [False, True])
def test_a_bad_mask_ends_the_stream_with_one_line(folder, in_graph, collected):
    samples = voc.open_segmentation(folder.root, "train")
    path = folder.mask(folder.names[5])
    path.write_bytes(folder.mask(folder.names[4]).read_bytes())
    with pytest.raises(ValueError) as expected:
        samples.mask(5)
    iterator = iter(segmentation(samples))

    def step():
        return next(iterator)

    step = tf.function(step, autograph=False) if in_graph else step
    with pytest.raises(ValueError) as caught, batching.reading_errors():
        for _ in range(2):
            step()
    assert str(caught.value) == str(expected.value)
    assert repr(str(path)) in str(caught.value) and "\n" not in str(caught.value)


def test_a_bad_image_ends_a_stream_of_classification(folder, labeled, collected):
    path = folder.root / "ümlaut name.jpg"
    path.write_bytes(b"no image")
    sources = (*labeled.sources[:-1], str(path))
    broken = dataclasses.replace(labeled, sources=sources)
    with pytest.raises(ValueError) as caught, batching.reading_errors():
        list(classification(broken).take(2))
    assert "ümlaut name.jpg'" in str(caught.value)
