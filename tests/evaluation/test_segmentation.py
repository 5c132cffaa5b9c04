"""Class maps and their report beside NumPy, Pillow and scikit-learn."""

import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
import textwrap
import weakref

import cv2
import keras
import numpy as np
import PIL.Image
import pytest
import scipy.special
import sklearn.metrics

from selfsup import data, evaluation, heads, networks

import fakes

CLASSES = ("background", "cat", "dog", "sheep", "unicorn")

# (height, width); an odd number of images.
SIZES = ((24, 33), (41, 26), (30, 30), (19, 50), (37, 21))

_PHOTOS = sorted(pathlib.Path(data.__file__).parent.glob("photos/*.jpg"))


def _photo(height, width, number=0):
    """A crop of an embedded photograph, `[H, W, 3]`, uint8."""
    image = cv2.imread(str(_PHOTOS[number]))[80 : 80 + height, 60 : 60 + width]
    return image[..., ::-1]


def _network_values(image, color=False):
    image = image.astype(np.float64) / 255
    image = image if color else image.mean(axis=-1, keepdims=True)
    return (image - 0.4488).astype(np.float32)


def _input(*size, color=False):
    return _network_values(_photo(*size), color)


def _segmenter(classes=5, color=False):
    """A segmenter on two maps, one of every pixel and one of every fourth."""
    x = keras.Input((None, None, 3 if color else 1), name="rgb" if color else "gray")
    convolution = functools.partial(keras.layers.Conv2D, padding="same")
    fine = convolution(4, 3, activation="relu", name="fine")(x)
    coarse = convolution(6, 5, 4, activation="relu", name="coarse")(fine)
    taps = networks.Tap("fine", 1, 0, 4), networks.Tap("coarse", 4, 1.5, 6)
    model = heads.segmenter(keras.Model(x, coarse), taps, classes, hidden=8)
    return _balanced(fakes.randomize(model, bias=0.2), color)


def _balanced(model, color=False):
    """Lets all classes occur but the last one, which wins nowhere."""
    photos = [_network_values(_photo(40, 40, i), color) for i in range(len(SIZES))]
    logits = heads.dense(model)(np.stack(photos))["classes"].numpy()
    deviation = logits.std((0, 1, 2))
    bias = -logits.mean((0, 1, 2)) / deviation
    bias[-1] = -1000.0
    prediction = model.get_layer("prediction")
    prediction.kernel.assign(prediction.kernel / deviation)
    # The random bias is part of the mean.
    prediction.bias.assign(prediction.bias / deviation + bias)
    return model


@pytest.fixture(scope="module")
def model():
    return _segmenter()


@pytest.fixture(scope="module")
def predict(model):
    return evaluation.class_map_predictor(model)


def _write_folder(root):
    """Writes a VOC folder of five images; the last mask is void."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for number, size in enumerate(SIZES):
        image = _photo(*size, number)
        cv2.imwrite(str(root / f"JPEGImages/{number}.jpg"), image[..., ::-1])
        mask = np.array([0, 1, 2, 3, 255], np.uint8)[image.sum(axis=-1) % 5]
        if number == len(SIZES) - 1:
            mask[:] = 255
        cv2.imwrite(str(root / f"SegmentationClass/{number}.png"), mask)
    names = "\n".join(str(number) for number in range(len(SIZES)))
    (root / "ImageSets/Segmentation/val.txt").write_text(names)
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A VOC folder that no test changes."""
    return _write_folder(tmp_path_factory.mktemp("voc") / "VOC2012")


class _Watched(data.voc.SegmentationSet):
    """Tells which images and masks were read, and how many images are alive."""

    def watch(self):
        for name, value in (("read", []), ("references", []), ("most", 0)):
            object.__setattr__(self, name, value)
        return self

    def image(self, index):
        image = super().image(index)
        self.read.append(("image", index))
        self.references.append(weakref.ref(image))
        alive = sum(reference() is not None for reference in self.references)
        object.__setattr__(self, "most", max(self.most, alive))
        return image

    def mask(self, index):
        self.read.append(("mask", index))
        return super().mask(index)


def _open(root):
    samples = data.voc.open_segmentation(root, "val")
    return _Watched(**dataclasses.asdict(samples)).watch()


def _resized(values, size):
    """Bilinear, with the pixels' centres at halves, one axis after the other."""
    for axis, length in enumerate(size):
        count = values.shape[axis]
        positions = (np.arange(length) + 0.5) * count / length - 0.5
        interpolate = functools.partial(np.interp, positions, np.arange(count))
        values = np.apply_along_axis(interpolate, axis, values)
    return values


def _antialiased(image, scale):
    """Scales an image `[H, W, C]` with Pillow."""
    height, width = (max(1, int(np.rint(n * scale))) for n in image.shape[:2])
    channels = [
        np.asarray(
            PIL.Image.fromarray(channel).resize(
                (width, height), PIL.Image.Resampling.BILINEAR
            )
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1)


def _probabilities(dense, image, stride=1, scales=(1.0,), flip=False):
    """The mean probabilities `[H, W, K]`, scale by scale."""
    maps = []
    for scale in scales:
        scaled = _antialiased(image, scale)
        for step in (1, -1) if flip else (1,):
            logits = dense(scaled[None, :, ::step])["classes"].numpy()[0]
            values = scipy.special.softmax(logits.astype(np.float64), axis=-1)
            values = _resized(values, [stride * n for n in values.shape[:2]])
            values = values[: scaled.shape[0], : scaled.shape[1]]
            maps.append(_resized(values, image.shape[:2])[:, ::step])
    return np.mean(maps, axis=0)


def _assert_most_probable(classes, values):
    """Raises unless each class has the greatest value, but for rounding."""
    classes = np.asarray(classes)
    assert classes.shape == values.shape[:2] and classes.dtype == np.uint8
    index = classes[..., None].astype(int)
    chosen = np.take_along_axis(values, index, axis=-1)[..., 0]
    assert (values.max(axis=-1) - chosen).max() < 1e-4


# Whole images.


def test_every_pixel_gets_its_most_probable_class(model, predict):
    dense = heads.dense(model)
    for size in ((1, 1), (2, 7), (33, 47), (30, 21)):
        image = _input(*size)
        classes = predict(image).numpy()
        _assert_most_probable(classes, dense(image[None])["classes"].numpy()[0])
        points = np.argwhere(np.ones(size)).astype(np.float32)[None]
        sparse = model({"gray": image[None], "points": points})["classes"]
        _assert_most_probable(classes, sparse.numpy().reshape(*size, -1))
        if min(size) > 20:
            assert len(np.unique(classes)) >= 3
    assert predict.experimental_get_tracing_count() == 1


def test_a_real_network_with_field_of_view_blocks():
    backbone = fakes.network("vgg16", fov_blocks=2)
    taps = networks.taps(backbone)
    model = fakes.randomize(heads.segmenter(backbone, taps, 3, hidden=8), bias=0.2)
    image = _input(35, 50)
    values = _probabilities(heads.dense(model, 4), image, 4)
    _assert_most_probable(evaluation.class_map_predictor(model, 4)(image), values)


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
    predict = evaluation.class_map_predictor(model, stride, scales, flip)
    for size in ((1, 1), (3, 6), (24, 36), (33, 27)):
        image = _input(*size)
        expected = _probabilities(dense, image, stride, scales, flip)
        _assert_most_probable(predict(image), expected)
    assert np.any(predict(image) != plain(image))


def test_mirror_images_get_mirror_maps(model, predict):
    image = _input(33, 46)

    def differing(predict):
        mirrored = predict(np.ascontiguousarray(image[:, ::-1])).numpy()
        return np.count_nonzero(mirrored[:, ::-1] != predict(image).numpy())

    flip = evaluation.class_map_predictor(model, 4, flip=True)
    assert differing(flip) <= 1  # A tie but for rounding.
    assert differing(predict) > 50


def test_a_scale_never_leaves_less_than_a_pixel(model):
    predict = evaluation.class_map_predictor(model, scales=(0.01,))
    # One pixel is all that is left, so all pixels are of its class.
    classes = predict(_input(9, 7)).numpy()
    assert classes.shape == (9, 7) and len(np.unique(classes)) == 1


@pytest.mark.parametrize(
    "scales", [(), (0.0,), (1.0, -1.0), (float("nan"),), (17.0,), (float("inf"),)]
)
def test_bad_scales_are_named(model, scales):
    with pytest.raises(ValueError, match=r"\(0, 16\]. Received: scales=\("):
        evaluation.class_map_predictor(model, scales=scales)


def test_bad_stride_is_named(model):
    with pytest.raises(ValueError, match="1, 2 or 4. Received: stride=3"):
        evaluation.class_map_predictor(model, stride=3)


# Images of a set.


def _by_brightness(image):
    """A predictor whose class maps are easily told."""
    # Input values are from -0.4488 to 0.5512.
    return keras.ops.cast(4 * (image[..., 0] + 0.44879), "uint8")


def _brightness_of(image):
    return np.uint8(4 * (image.mean(axis=-1) / 255 - 0.00001))


def test_segment_gives_numbers_images_and_maps(root):
    samples = _open(root)
    for indices, expected in (
        (None, [0, 1, 2, 3, 4]),
        (iter([3, 0, 3]), [3, 0, 3]),
        ([], []),
    ):
        found = list(evaluation.segment(_by_brightness, samples, indices))
        assert [index for index, _, _ in found] == expected
        for index, image, classes in found:
            np.testing.assert_array_equal(image, samples.image(index))
            np.testing.assert_array_equal(classes, _brightness_of(image))


def test_colour_networks_get_colour(root):
    samples = _open(root)
    model = _segmenter(color=True)
    predict = evaluation.class_map_predictor(model, stride=4)
    total = 0
    for index, image, classes in evaluation.segment(predict, samples, color=True):
        expected = predict(_network_values(image, color=True)).numpy()
        # A tie but for rounding.
        assert np.count_nonzero(classes != expected) <= 1
        total += _loop(samples.mask(index), classes, 5)
    results = evaluation.evaluate_segmentation(model, samples, stride=4)
    np.testing.assert_array_equal(results["confusion"], total)


def _loop(truth, prediction, classes):
    """Counts pixel by pixel."""
    counts = np.zeros([classes, classes], int)
    for true, predicted in zip(truth.ravel(), prediction.ravel(), strict=True):
        if true != 255:
            counts[true, predicted] += 1
    return counts


def test_confusions_are_those_of_a_loop(root):
    samples = _open(root)
    confusions = list(evaluation.image_confusions(_by_brightness, samples))
    assert len(confusions) == 5
    for index, confusion in enumerate(confusions):
        prediction = _brightness_of(samples.image(index))
        expected = _loop(samples.mask(index), prediction, 5)
        np.testing.assert_array_equal(confusion, expected)
    assert confusions[0].sum() > 0 and not confusions[4].any()


def test_images_are_read_one_at_a_time(root):
    samples = _open(root)
    confusions = evaluation.image_confusions(_by_brightness, samples)
    assert samples.read == []
    next(confusions)
    assert samples.read == [("image", 0), ("mask", 0)]
    list(confusions)
    assert samples.read == [
        (kind, index) for index in range(5) for kind in ("image", "mask")
    ]
    # The last one, and the one before that was just counted.
    assert samples.most <= 2


# Reports.


_OPTIONS = {"stride": 2, "flip": True}


@pytest.fixture(scope="module")
def report(root, model):
    return evaluation.evaluate_segmentation(model, _open(root), **_OPTIONS)


@pytest.fixture(scope="module")
def pairs(root, model):
    """The mask and the class map of each image, without the code under test."""
    samples, dense = _open(root), heads.dense(model, _OPTIONS["stride"])
    found = []
    for index in range(len(samples)):
        image = _network_values(samples.image(index))
        values = _probabilities(dense, image, **_OPTIONS)
        best = np.sort(values, axis=-1)
        assert (best[..., -1] - best[..., -2]).min() > 1e-6  # No ties.
        found.append((samples.mask(index), values.argmax(axis=-1)))
    return found


def test_report_is_that_of_scikit_learn(report, pairs):
    truth = np.concatenate([mask[mask != 255] for mask, _ in pairs])
    prediction = np.concatenate([classes[mask != 255] for mask, classes in pairs])
    assert report["images"] == 5
    np.testing.assert_array_equal(
        report["confusion"],
        sklearn.metrics.confusion_matrix(truth, prediction, labels=range(5)),
    )
    iou = sklearn.metrics.jaccard_score(
        truth, prediction, labels=range(4), average=None
    )
    assert 0.01 < iou.min() < iou.max() < 0.99
    assert report["mean_iou"] == pytest.approx(iou.mean(), abs=1e-9)
    accuracy = sklearn.metrics.accuracy_score(truth, prediction)
    assert report["pixel_accuracy"] == pytest.approx(accuracy, abs=1e-9)
    assert list(report["iou"]) == list(CLASSES)
    assert list(report["iou"].values())[:4] == pytest.approx(iou.tolist(), abs=1e-9)
    assert report["iou"]["unicorn"] is None  # Neither there nor predicted.


def test_report_has_every_image(report, pairs):
    assert list(report["image_iou"]) == ["0", "1", "2", "3", "4"]
    assert report["image_iou"]["4"] is None  # All of it is void.
    for number, (mask, classes) in enumerate(pairs[:4]):
        labelled = mask != 255
        iou = sklearn.metrics.jaccard_score(
            mask[labelled], classes[labelled], average="macro"
        )
        assert report["image_iou"][str(number)] == pytest.approx(iou, abs=1e-9)


def test_report_is_written_as_json(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_model_of_other_classes_is_refused(root):
    samples = _open(root)
    message = (
        rf"different classes.* model's 3 classes. Received: {root} of 5 "
        r"\(background, cat, dog, sheep, unicorn\)"
    )
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate_segmentation(_segmenter(classes=3), samples)
    assert samples.read == []


def test_unfit_files_are_named(tmp_path, model):
    root = _write_folder(tmp_path / "VOC2012")
    mask = root / "SegmentationClass" / "1.png"
    cv2.imwrite(str(mask), np.zeros([41, 27], np.uint8))
    with pytest.raises(ValueError, match=r"\(41, 26\). Received: \(41, 27\).*1\.png"):
        evaluation.evaluate_segmentation(model, _open(root))
    (root / "JPEGImages" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"can't be decoded.*0\.jpg"):
        evaluation.evaluate_segmentation(model, _open(root))


def test_nothing_but_void_is_an_error(root, model):
    with pytest.raises(ValueError, match="split .val. of .*VOC2012, all void"):
        evaluation.evaluate_segmentation(model, _open(root).subset([4]).watch())


def test_metrics_worked_by_hand():
    # Class a: 6 shared, 3 + 1 not. Class b: 2 shared, 1 + 3 not.
    confusion = np.array([[6, 3, 0], [1, 2, 0], [0, 0, 0]])
    metrics = evaluation.segmentation_metrics(confusion, ["a", "b", "c"])
    assert metrics == {
        "mean_iou": pytest.approx((6 / 10 + 2 / 6) / 2),
        "pixel_accuracy": pytest.approx(8 / 12),
        "iou": {"a": pytest.approx(6 / 10), "b": pytest.approx(2 / 6), "c": None},
    }


def test_a_stopped_evaluation_goes_on(root, model, report, tmp_path, monkeypatch):
    stopped, resumed = _open(root), _open(root)
    read = _Watched.image

    def image(self, index):
        if self is stopped and index == 3:
            raise KeyboardInterrupt
        return read(self, index)

    monkeypatch.setattr(_Watched, "image", image)
    options = {**_OPTIONS, "journal": tmp_path / "journal.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate_segmentation(model, stopped, **options)
    assert evaluation.evaluate_segmentation(model, resumed, **options) == report
    assert [index for kind, index in resumed.read if kind == "image"] == [3, 4]
    assert not list(tmp_path.iterdir())


def test_other_options_do_not_take_a_stopped_evaluation_up(root, model, tmp_path):
    path = tmp_path / "journal.jsonl"
    bad = dataclasses.replace(_open(root), mask_paths=_open(root).image_paths)
    bad.watch()
    with pytest.raises(ValueError, match="mask"):
        evaluation.evaluate_segmentation(model, bad, journal=path)
    samples = _open(root)
    evaluation.evaluate_segmentation(model, samples, stride=4, journal=path)
    assert [index for kind, index in samples.read if kind == "image"] == [*range(5)]


def test_two_replicas_count_as_one_device_does(root, model, report, tmp_path):
    path = tmp_path / "segmenter.keras"
    model.save(path)
    program = f"""
        import json, keras
        import tensorflow as tf
        cpus = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
        from selfsup import data, evaluation
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        with strategy.scope():
            model = keras.saving.load_model({str(path)!r})
        samples = data.voc.open_segmentation({str(root)!r}, "val")
        results = evaluation.evaluate_segmentation(
            model, samples, strategy=strategy, **{_OPTIONS!r})
        print(json.dumps(results))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == report
