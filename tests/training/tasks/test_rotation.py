"""Rotation: crops are turned as they are labeled, and a small run learns and ends."""

import json
import math
import os
import shutil

import keras
import numpy as np
import pytest

from selfsup import data, heads, training
from selfsup.training import tasks
from selfsup.training.tasks.rotation import Rotation, RotationConfig

TINY = dict(
    network="alexnet",
    width=1 / 64,
    crop_size=32,
    batch_size=4,
    steps=4,
    log_every=2,
    eval_every=4,
)


def _config(**changes):
    return RotationConfig.from_preset(**{**TINY, **changes})


@pytest.fixture(scope="module")
def task():
    return Rotation(_config())


@pytest.fixture(scope="module")
def images(task):
    return task.open("train")


def test_it_is_found_by_name_kind_and_configuration():
    assert tasks.get("rotation") is Rotation
    assert tasks.of_config(_config()) is Rotation
    assert Rotation.kind == "single_label_classifier"


def test_crops_are_turned_counterclockwise_by_their_label(task, images):
    # Crops of the same place and scale, by the colorizer's stream.
    upright = data.pipeline(task.input_config(augment=False, points=1), images=images)
    turned = task._stream(images, augment=False)
    seen = set()
    for (plain, *_), (inputs, targets, weights, _) in zip(
        upright.take(4), turned.take(4), strict=True
    ):
        for crop, expected, turns in zip(
            inputs["gray"], plain["gray"], targets["label"].numpy(), strict=True
        ):
            np.testing.assert_array_equal(crop, np.rot90(expected, turns))
            seen.add(int(turns))
        np.testing.assert_array_equal(weights["label"], 1)
    assert seen == {0, 1, 2, 3}


def test_all_turns_come_alike(task, images):
    labels = [t["label"].numpy() for _, t, *_ in task.batches(images).take(60)]
    counts = np.bincount(np.concatenate(labels), minlength=4)
    # 240 draws: four standard deviations.
    assert np.all(np.abs(counts - 60) < 4 * math.sqrt(240 * 0.25 * 0.75))


@pytest.mark.slow
def test_a_stream_starts_anywhere(task, images):
    for ours, other in zip(
        task.batches(images, start=3).take(2),
        task.batches(images).skip(3).take(2),
        strict=True,
    ):
        keras.tree.map_structure(np.testing.assert_array_equal, ours, other)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(photos.glob("*.jpg"))[:5]:
        shutil.copy(path, folder)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def test_an_unreadable_image_has_no_weight(damaged):
    task = Rotation(_config(data=(str(damaged),), val_fraction=0.0))
    images = task.open("train")
    for _, _, weights, status in task.batches(images).take(3):
        torn = [images.name(i).endswith("torn.jpg") for i in status["index"].numpy()]
        np.testing.assert_array_equal(weights["label"], 1.0 - np.float32(torn))
        np.testing.assert_array_equal(status["status"] == data.UNDECODABLE, torn)


def test_there_is_no_picture_where_no_image_can_be_read(task, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    torn = Rotation(_config(val_data=(str(tmp_path),))).open("held_out")
    guess = {"label": np.zeros((4, 4), np.float32)}
    assert task.draw(lambda inputs: guess, {"train": torn, "held_out": torn}) is None


def test_measures_are_those_of_the_guesses(task, images):
    def predict(inputs):
        return {"label": np.log(np.tile(np.float32([0.7, 0.1, 0.1, 0.1]), [4, 1]))}

    truth = np.concatenate(
        [t["label"] for _, t, *_ in task._stream(images, augment=False)]
    )
    found = task.measure(predict, images)
    right = np.mean(truth == 0)
    assert found["accuracy"] == pytest.approx(right)
    expected = -right * math.log(0.7) - (1 - right) * math.log(0.1)
    assert found["label"] == pytest.approx(expected, rel=1e-5)
    assert found["label_baseline"] == pytest.approx(math.log(4))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("rotation") / "run"
    training.train(Rotation(_config()), workdir)
    return workdir


@pytest.mark.slow
def test_a_run_leaves_its_model_numbers_and_pictures(workdir):
    assert {"backbone.keras", "single_label_classifier.keras", "samples.png"} <= set(
        os.listdir(workdir)
    )
    model = keras.models.load_model(workdir / "single_label_classifier.keras")
    assert heads.kind(model) == Rotation.kind and model.output["label"].shape[-1] == 4
    header = (workdir / "log.csv").read_text().splitlines()[0].split(",")
    assert {"label", "loss", "val_label", "val_accuracy"} <= set(header)


@pytest.mark.slow
def test_evaluation_gives_the_numbers_of_the_run(workdir):
    results, folder = training.evaluate(workdir)
    trained = json.loads((workdir / "results.json").read_text())
    assert results["images"] == trained["held_out_images"] == 6
    for name, value in trained["held_out"].items():
        assert results[name] == pytest.approx(value, rel=1e-5)
    assert (folder / "samples.png").exists()


@pytest.mark.slow
def test_evaluation_stops_at_an_unreadable_image(workdir, damaged, tmp_path):
    with pytest.raises(ValueError, match="torn.jpg"):
        training.evaluate(workdir, {"data": (str(damaged),)}, tmp_path)
