"""Class maps of whole images."""

import numpy as np
import pytest

from selfsup import evaluation, heads, inference, networks

import fakes
import segmenters


@pytest.fixture(scope="module")
def model():
    return segmenters.segmenter()


@pytest.fixture(scope="module")
def predict(model):
    return inference.class_map_predictor(model)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A VOC folder that no test changes."""
    return segmenters.write_folder(tmp_path_factory.mktemp("voc") / "VOC2012")


def _assert_most_probable(classes, values):
    """Raises unless each class has the greatest value, but for rounding."""
    classes = np.asarray(classes)
    assert classes.shape == values.shape[:2] and classes.dtype == np.uint8
    index = classes[..., None].astype(int)
    chosen = np.take_along_axis(values, index, axis=-1)[..., 0]
    assert (values.max(axis=-1) - chosen).max() < 1e-4


def test_every_pixel_gets_its_most_probable_class(model, predict):
    dense = heads.dense(model)
    for size in ((1, 1), (2, 7), (33, 47), (30, 21)):
        image = segmenters.input(*size)
        classes = predict(image).numpy()
        _assert_most_probable(classes, dense(image[None])["classes"].numpy()[0])
        points = np.argwhere(np.ones(size)).astype(np.float32)[None]
        sparse = model({"gray": image[None], "points": points})["classes"]
        _assert_most_probable(classes, sparse.numpy().reshape(*size, -1))
        if min(size) > 20:
            assert len(np.unique(classes)) >= 3
    assert predict.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_a_real_network_with_field_of_view_blocks():
    backbone = fakes.network("vgg16", fov_blocks=2)
    taps = networks.taps(backbone)
    model = fakes.randomize(heads.segmenter(backbone, taps, 3, hidden=8), bias=0.2)
    image = segmenters.input(35, 50)
    values = segmenters.probabilities(heads.dense(model, 4), image, 4)
    _assert_most_probable(inference.class_map_predictor(model, 4)(image), values)


@pytest.mark.parametrize(
    "stride, scales, flip",
    [
        (2, (1.0,), False),
        (1, (1.0,), True),
        (1, (0.6, 1.0, 1.7), False),
        (4, (1.3, 0.7), True),
    ],
)
def test_probabilities_are_enlarged_and_averaged(model, predict, stride, scales, flip):
    plain, dense = predict, heads.dense(model, stride)
    predict = inference.class_map_predictor(model, stride, scales, flip)
    for size in ((1, 1), (3, 6), (24, 36), (33, 27)):
        image = segmenters.input(*size)
        expected = segmenters.probabilities(dense, image, stride, scales, flip)
        _assert_most_probable(predict(image), expected)
    assert np.any(predict(image) != plain(image))


def test_mirror_images_get_mirror_maps(model, predict):
    image = segmenters.input(33, 46)

    def differing(predict):
        mirrored = predict(np.ascontiguousarray(image[:, ::-1])).numpy()
        return np.count_nonzero(mirrored[:, ::-1] != predict(image).numpy())

    flip = inference.class_map_predictor(model, 4, flip=True)
    assert differing(flip) <= 1  # A tie but for rounding.
    assert differing(predict) > 50


def test_a_scale_never_leaves_less_than_a_pixel(model):
    predict = inference.class_map_predictor(model, scales=(0.01,))
    # One pixel is all that is left, so all pixels are of its class.
    classes = predict(segmenters.input(9, 7)).numpy()
    assert classes.shape == (9, 7) and len(np.unique(classes)) == 1


def test_bad_stride_is_named(model):
    with pytest.raises(ValueError, match="1, 2 or 4. Received: stride=3"):
        inference.class_map_predictor(model, stride=3)


def test_segment_gives_numbers_images_and_maps(root):
    samples = segmenters.open(root)
    for indices, expected in (
        (None, [0, 1, 2, 3, 4]),
        (iter([3, 0, 3]), [3, 0, 3]),
        ([], []),
    ):
        found = list(inference.segment(segmenters.by_brightness, samples, indices))
        assert [index for index, _, _ in found] == expected
        for index, image, classes in found:
            np.testing.assert_array_equal(image, samples.image(index))
            np.testing.assert_array_equal(classes, segmenters.brightness_of(image))


def test_color_networks_get_color(root):
    samples = segmenters.open(root)
    model = segmenters.segmenter(color=True)
    predict = inference.class_map_predictor(model, stride=4)
    total = 0
    for index, image, classes in inference.segment(predict, samples, color=True):
        expected = predict(segmenters.network_values(image, color=True)).numpy()
        # A tie but for rounding.
        assert np.count_nonzero(classes != expected) <= 1
        total += segmenters.loop(samples.mask(index), classes, 5)
    results = evaluation.evaluate_segmentation(model, samples, stride=4)
    np.testing.assert_array_equal(results["confusion"], total)
