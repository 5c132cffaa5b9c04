"""Scores of crops and their report beside plain loops and scikit-learn."""

import json
import pathlib

import cv2
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from selfsup import data, evaluation, heads
from selfsup.evaluation.average_precision import average_precision

import fakes

CLASSES = ("cat", "dog", "unicorn")


# As in VOC's lists: 1, -1, or 0 for difficult. No image shows a unicorn.
LABELS = (
    (1, -1, -1),
    (-1, 1, -1),
    (0, 1, -1),
    (1, -1, 0),
    (-1, 0, -1),
    (1, 1, -1),
    (-1, -1, -1),
)


# (height, width), smaller and larger than the crops; an odd number of images.
SIZES = ((40, 60), (20, 24), (56, 33), (33, 70), (48, 48), (25, 64), (61, 29))


SIDE = 32


_PHOTOS = sorted(pathlib.Path(data.__file__).parent.glob("photos/*.jpg"))


def _classifier(classes=3, name="resnet", **network):
    backbone = fakes.network(name, **network)
    return fakes.randomize(heads.classifier(backbone, classes), bias=0.3)


@pytest.fixture(scope="module")
def model():
    return _classifier()


def _write_folder(root):
    """Writes a VOC folder of seven images."""
    for folder in ("JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for number, (height, width) in enumerate(SIZES):
        image = cv2.imread(str(_PHOTOS[3 * number]))[60 : 60 + height, 90 : 90 + width]
        cv2.imwrite(str(root / f"JPEGImages/{number}.jpg"), image)
    lists = root / "ImageSets/Main"
    (lists / "test.txt").write_text("\n".join(map(str, range(len(SIZES)))))
    (root / "classes.txt").write_text("\n".join(CLASSES))
    for column, name in enumerate(CLASSES):
        rows = [f"{number} {row[column]}" for number, row in enumerate(LABELS)]
        (lists / f"{name}_test.txt").write_text("\n".join(rows))
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A VOC folder that no test changes."""
    return _write_folder(tmp_path_factory.mktemp("voc") / "VOC2007")


@pytest.fixture(scope="module")
def samples(root):
    return data.voc.open_classification(root, "test")


def _mean_gray(crops):
    """A predictor of one class: the mean of all crops."""
    return tf.reduce_mean(crops)[None]


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("crops", [10, 3, "fixed"])
def test_every_image_is_scored_by_its_own_crops(samples, crops, color):
    seen = []

    def predict(images):
        seen.append(images.numpy())
        return tf.reduce_mean(images, axis=[0, 1, 2])

    scores = evaluation.classification_scores(
        predict, samples, SIDE, crops, color=color, seed=5
    )
    assert len(seen) == 7
    assert scores.shape == (7, 3 if color else 1) and scores.dtype == np.float32
    for index, (images, score) in enumerate(zip(seen, scores, strict=True)):
        image = samples.image(index)
        if crops == "fixed":
            expected = data.voc.fixed_crops(image, SIDE, color)
        else:
            expected = data.voc.random_crops(image, crops, SIDE, (5, index), color)
        np.testing.assert_array_equal(images, expected)
        assert len(images) == (10 if crops == "fixed" else crops)
        np.testing.assert_allclose(
            score, np.mean(expected, axis=(0, 1, 2)), rtol=1e-4, atol=1e-5
        )


def test_random_crops_are_a_matter_of_the_seed(samples):
    def scores(crops, seed):
        return evaluation.classification_scores(
            _mean_gray, samples, SIDE, crops, seed=seed
        )

    first = scores(2, seed=0)
    np.testing.assert_array_equal(scores(2, seed=0), first)
    assert (scores(2, seed=1) != first).all()
    assert (scores(3, seed=0) != first).all()
    np.testing.assert_array_equal(scores("fixed", seed=0), scores("fixed", seed=1))


def test_images_are_read_one_at_a_time(samples, monkeypatch):
    events = []
    read = data.voc.ClassificationSet.image

    def image(self, index):
        events.append(("read", index))
        return read(self, index)

    def predict(crops):
        events.append("scored")
        return _mean_gray(crops)

    monkeypatch.setattr(data.voc.ClassificationSet, "image", image)
    evaluation.classification_scores(predict, samples, SIDE, 1)
    expected = [event for index in range(7) for event in (("read", index), "scored")]
    assert events == expected


def test_metrics_worked_by_hand():
    # Difficult ones do not count, whatever their scores are.
    labels = np.uint8([[1, 0, 0], [255, 1, 0], [0, 255, 255], [1, 0, 0], [0, 1, 0]])
    scores = [[4, 1, 9], [9, 7, 9], [3, 9, 9], [2, 8, 9], [1, 6, 9]]
    metrics = evaluation.classification_metrics(labels, scores, CLASSES)
    # Cats at ranks 1 and 3 of four, dogs at 2 and 3.
    cat, dog = (1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2
    # The precision up to a recall of a half (6 of 11 points), and beyond.
    cat_11point, dog_11point = (6 * 1 + 5 * 2 / 3) / 11, 2 / 3
    assert metrics == {
        "map_area": pytest.approx((cat + dog) / 2),
        "ap_area": {
            "cat": pytest.approx(cat),
            "dog": pytest.approx(dog),
            "unicorn": None,
        },
        "map_11point": pytest.approx((cat_11point + dog_11point) / 2),
        "ap_11point": {
            "cat": pytest.approx(cat_11point),
            "dog": pytest.approx(dog_11point),
            "unicorn": None,
        },
    }


def test_means_are_over_classes_with_positives():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, (20, 3)), rng.normal(size=(20, 3))
    labels[:, 1] = 0
    # As a tensor too.
    metrics = evaluation.classification_metrics(labels, tf.constant(scores), CLASSES)
    for variant in ("area", "11point"):
        expected = [
            average_precision(labels[:, column], scores[:, column], variant)
            for column in (0, 2)
        ]
        found = metrics[f"ap_{variant}"]
        assert [found["cat"], found["dog"], found["unicorn"]] == [
            expected[0],
            None,
            expected[1],
        ]
        assert metrics[f"map_{variant}"] == pytest.approx(np.mean(expected), abs=1e-12)


def test_a_set_without_positives_is_an_error():
    with pytest.raises(ValueError, match=r"Received: labels of shape \(4, 3\)"):
        evaluation.classification_metrics(np.zeros([4, 3]), np.ones([4, 3]), CLASSES)


def test_scores_that_are_no_numbers_are_an_error(samples):
    with pytest.raises(ValueError, match="Received: nan"):
        evaluation.classification_metrics(
            samples.labels, np.full([7, 3], np.nan), CLASSES
        )


@pytest.fixture(scope="module")
def evaluated(model, samples):
    return evaluation.evaluate_classification(model, samples, SIDE, crops=4, seed=3)


def test_scores_of_the_report_are_those_of_the_model(evaluated, model, samples):
    _, scores = evaluated
    assert scores.shape == (7, 3)
    for index, score in enumerate(scores):
        crops = data.voc.random_crops(samples.image(index), 4, SIDE, (3, index))
        expected = np.mean(model({"gray": crops})["classes"], axis=0)
        np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-4)


def test_a_stopped_evaluation_goes_on(evaluated, model, samples, tmp_path, monkeypatch):
    read, indices = data.voc.ClassificationSet.image, []

    def image(self, index):
        if len(indices) == 4:
            indices.append(None)
            raise KeyboardInterrupt
        indices.append(index)
        return read(self, index)

    monkeypatch.setattr(data.voc.ClassificationSet, "image", image)
    options = {"crops": 4, "seed": 3, "journal": tmp_path / "journal.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate_classification(model, samples, SIDE, **options)
    results, scores = evaluation.evaluate_classification(
        model, samples, SIDE, **options
    )
    assert indices == [0, 1, 2, 3, None, 4, 5, 6]
    assert results == evaluated[0]
    np.testing.assert_array_equal(scores, evaluated[1])
    assert not list(tmp_path.iterdir())


def test_report_is_that_of_scikit_learn(evaluated):
    results, scores = evaluated
    found = {"area": [], "11point": []}
    for column in (0, 1):
        labels = np.array([row[column] for row in LABELS])
        counted = labels != 0
        # Scikit-learn takes -1 for negative.
        given = labels[counted], scores[counted, column]
        found["area"].append(sklearn.metrics.average_precision_score(*given))
        # Scikit-learn appends a point of recall 0 and precision 1.
        precision, recall = (
            curve[:-1] for curve in sklearn.metrics.precision_recall_curve(*given)[:2]
        )
        # Recalls are thirds: none is close to a tenth but 0 and 1.
        points = [precision[recall > t - 1e-9].max() for t in np.linspace(0, 1, 11)]
        found["11point"].append(np.mean(points))
    assert results["images"] == 7
    for variant, expected in found.items():
        values = results[f"ap_{variant}"]
        assert list(values) == list(CLASSES)
        assert [values["cat"], values["dog"]] == pytest.approx(expected, abs=1e-6)
        assert values["unicorn"] is None
        mean = pytest.approx(np.mean(expected), abs=1e-6)
        assert results[f"map_{variant}"] == mean
    assert 0 < results["map_area"] < 1


def test_report_is_written_as_json(evaluated):
    results, _ = evaluated
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_color_networks_get_color(samples):
    model = _classifier(input_channels=3)
    results, scores = evaluation.evaluate_classification(
        model, samples.subset([2, 5]), SIDE, crops="fixed"
    )
    assert results["images"] == 2
    for index, score in zip((2, 5), scores, strict=True):
        crops = data.voc.fixed_crops(samples.image(index), SIDE, color=True)
        expected = np.mean(model({"rgb": crops})["classes"], axis=0)
        np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-4)


def test_a_model_of_other_classes_is_refused(root, samples):
    message = rf"model's 2 classes. Received: {root} of 3 \(cat, dog, unicorn\)"
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate_classification(_classifier(2), samples, SIDE)


def test_unreadable_images_are_named(tmp_path):
    root = _write_folder(tmp_path / "VOC2007")
    samples = data.voc.open_classification(root, "test")
    (root / "JPEGImages/3.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"can't be decoded.*3\.jpg"):
        evaluation.classification_scores(_mean_gray, samples, SIDE, 1)
