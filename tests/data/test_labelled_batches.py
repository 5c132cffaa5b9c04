"""Crops of labeled photographs: as drawn for training, and as measured."""

import types

import numpy as np
import pytest

from selfsup import color, data
from selfsup.data.labelled_batches import evaluation_batches, training_batches

import image_files


@pytest.fixture(scope="module")
def samples(tmp_path_factory, photos):
    """Six small photographs of two classes, the last one torn."""
    folder = tmp_path_factory.mktemp("labeled")
    for number, path in enumerate(sorted(photos.glob("*.jpg"))[:6]):
        place = folder / "ab"[number % 2] / path.name
        place.parent.mkdir(exist_ok=True)
        image = image_files.photograph(path, (40, 30))
        place.write_bytes(image_files.encoded(image, "PNG"))
    place.write_bytes(b"\x89PNG torn")
    return data.open_labeled(str(folder))[0]


def _config(**changes):
    fields = dict(crop_size=24, min_side=30, max_side=30, batch_size=4, seed=0)
    return types.SimpleNamespace(**{**fields, "color": False, **changes})


def test_a_batch_has_the_labels_of_its_images_and_no_weight_for_torn_ones(samples):
    seen = set()
    for inputs, targets, weights, status in training_batches(samples, _config()).take(
        3
    ):
        assert inputs["gray"].shape == (4, 24, 24, 1)
        index = status["index"].numpy()
        np.testing.assert_array_equal(weights["label"], index != 5)
        readable = index != 5
        expected = samples.labels[index[readable]]
        np.testing.assert_array_equal(targets["label"][readable], expected)
        np.testing.assert_array_equal(status["status"] == data.UNDECODABLE, index == 5)
        seen |= set(index.tolist())
    assert seen == set(range(6))


@pytest.mark.slow
def test_a_stream_starts_anywhere_and_depends_on_the_seed(samples):
    whole = list(training_batches(samples, _config()).take(3))
    (later,) = training_batches(samples, _config(), start_step=2).take(1)
    np.testing.assert_array_equal(later[0]["gray"], whole[2][0]["gray"])
    (other,) = training_batches(samples, _config(seed=1)).take(1)
    assert np.any(other[3]["index"].numpy() != whole[0][3]["index"].numpy())


def test_crops_to_measure_on_are_center_and_corners_of_the_image(samples):
    """At its own scale, so that every crop is a part of the picture."""
    config = _config(color=True, batch_size=5)
    chosen = samples.subset(range(5))
    ((inputs, targets, weights, _),) = evaluation_batches(chosen, config, 10)
    np.testing.assert_array_equal(targets["label"], samples.labels[:5])
    np.testing.assert_array_equal(weights["label"], 1)
    for number in range(5):
        image = samples.image(number) / np.float32(255) - color.GRAY_MEAN
        corners = [(3, 8), (0, 0), (0, 16), (6, 0), (6, 16)]
        parts = [image[y : y + 24, x : x + 24] for y, x in corners]
        expected = [*parts, *(part[:, ::-1] for part in parts)]
        np.testing.assert_allclose(inputs["rgb"][number], expected, atol=1e-6)
    ((center, *_),) = evaluation_batches(chosen, config, 1)
    np.testing.assert_array_equal(center["rgb"][:, 0], inputs["rgb"][:, 0])


def test_gray_is_the_mean_of_color(samples):
    ((gray, *_),) = evaluation_batches(samples.subset([0]), _config(batch_size=1))
    ((rgb, *_),) = evaluation_batches(
        samples.subset([0]), _config(batch_size=1, color=True)
    )
    mean = np.mean(rgb["rgb"], -1, keepdims=True)
    np.testing.assert_allclose(gray["gray"], mean, atol=1e-6)
