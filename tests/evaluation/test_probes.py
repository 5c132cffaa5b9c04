"""Probes are pipelines of scikit-learn; features are those of every image."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from selfsup import data, inference, networks
from selfsup.evaluation import probes


@pytest.fixture(scope="module")
def points():
    """Features of four classes that overlap, and the labels: to train, and to test."""
    rng = np.random.default_rng(3)
    centers = rng.normal(size=(4, 6))

    def draw(count):
        labels = np.arange(count) % 4
        noise = rng.normal(scale=1.5, size=(count, 6))
        return (3 + 2 * (centers[labels] + noise)).astype(np.float32), labels

    return draw(60), draw(200)


def _by_hand(make, values, train, test, seed):
    """Chooses a value on a fifth, fits on all: accuracy of the test, and the value."""
    (x, y), (z, truth) = train, test
    split = StratifiedShuffleSplit(1, test_size=12, random_state=seed)
    ((kept, choice),) = split.split(x, y)

    def accuracy(value, fit, measured, labels):
        scaler = StandardScaler().fit(x[fit])
        probe = make(value).fit(scaler.transform(x[fit]), y[fit])
        return np.mean(probe.predict(scaler.transform(measured)) == labels)

    scores = [accuracy(value, kept, x[choice], y[choice]) for value in values]
    best = values[int(np.argmax(scores))]
    return accuracy(best, slice(None), z, truth), max(scores)


@pytest.mark.parametrize("seed", [0, 1])
def test_probes_are_those_written_by_hand(points, seed):
    train, test = points
    (found,) = probes.probe_accuracies(
        ([train[0]], train[1]), ([test[0]], test[1]), seed
    )
    strengths = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
    linear = _by_hand(
        lambda c: LogisticRegression(C=c, max_iter=1000), strengths, train, test, seed
    )
    nearest = _by_hand(
        lambda k: KNeighborsClassifier(k, metric="cosine"),
        [1, 3, 5, 10, 20],
        train,
        test,
        seed,
    )
    assert found["linear"] == pytest.approx(linear, abs=1e-9)
    assert found["knn"] == pytest.approx(nearest, abs=1e-9)
    assert linear[0] > 0.4


def test_of_equal_strengths_the_strongest_regularization_is_chosen():
    x = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)
    found = probes.fit_probe("linear", x, np.repeat([0, 1], 10))
    assert found.best_params_ == {"logisticregression__C": 1e-4}


def test_two_images_a_class_are_enough(points):
    (x, y), _ = points
    for kind in probes.KINDS:
        assert probes.fit_probe(kind, x[:8], y[:8]).predict(x[:8]).shape == (8,)


def test_a_class_with_a_single_image_is_named(samples):
    few = samples.subset([0, 1, 2])
    with pytest.raises(ValueError, match="two or more. Received: 1 of class 'b' in"):
        probes.check_labels(few)
    probes.check_labels(samples)


@pytest.fixture(scope="module")
def samples(photos):
    images = data.open_images([str(photos)]).subset(range(5))
    return data.LabeledSet(images, ("a", "b"), np.array([0, 1, 0, 1, 0]), "here")


def test_features_are_of_every_image_in_order(samples):
    backbone = networks.alexnet(width=0.02)
    predict = inference.pooled_feature_predictor(backbone, ["relu1", "relu5"])
    crops = probes.CenterCrops.of_size(32)._replace(batch_size=2)
    found = probes.pooled_features(predict, samples, crops)
    assert crops[:3] == (32, 36, 36)
    # Of the last batch, which is filled, and of another one.
    for index in (1, 4):
        alone = probes.pooled_features(predict, samples.subset([index]), crops)
        for all_of_them, one in zip(found, alone, strict=True):
            assert len(all_of_them) == 5
            np.testing.assert_allclose(all_of_them[index], one[0], rtol=1e-5)


def test_an_unreadable_image_is_named(samples, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    torn = dataclasses.replace(
        samples, images=data.open_images([str(tmp_path)]), labels=np.array([0])
    )
    with pytest.raises(ValueError, match="torn.jpg"):
        probes.pooled_features(None, torn, probes.CenterCrops.of_size(16))
