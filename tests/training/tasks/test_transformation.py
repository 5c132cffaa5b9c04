"""What tasks share that tell what was done to a crop: on flips, and whole runs."""

import json
import math
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task

from selfsup import data, heads, training
from selfsup.training import tasks
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.tasks.transformation import TransformationTask


class Flip(TransformationTask):
    """Predicts whether a crop stands on its head."""

    transformations, salt, noise = 2, 1 << 40, 1
    titles = ["flipped", "flipped back", "upright"]

    def transform(self, gray, noise, augment):
        flipped = noise[0] < 0.5
        image = tf.where(flipped, tf.reverse(gray, [0]), gray)
        return image, tf.cast(flipped, tf.int32)

    def restored(self, image, label):
        return image[::-1] if label else image


@pytest.fixture(scope="module")
def task():
    # The mean of the sides is no whole number.
    return Flip(
        PretrainingConfig.from_preset(
            crop_size=32, min_side=37, max_side=50, batch_size=4
        )
    )


@pytest.fixture(scope="module")
def held_out(task):
    """The held-out images, and the flips of their crops."""
    images = task.open("held_out")
    batches = list(task._stream(images, augment=False))
    labels = np.concatenate([targets["label"] for _, targets, *_ in batches])
    return images, batches, labels[: len(images)]


def test_evaluations_see_the_crops_of_the_colorizer(task, held_out):
    images, batches, labels = held_out
    whole = data.pipeline(task.input_config(augment=False, points=1), images=images)
    upright = np.concatenate([inputs["gray"] for inputs, *_ in whole])
    flipped = np.concatenate([inputs["gray"] for inputs, *_ in batches])
    for ours, other, label in zip(flipped, upright, labels, strict=False):
        np.testing.assert_array_equal(task.restored(ours, label), other)
    assert np.sum([weights["label"] for *_, weights, _ in batches]) == len(images)


def test_evaluations_draw_labels_of_their_own(task):
    # Biases remember those of the training.
    images = task.open("train")
    streams = task.batches(images), task._each_once(images)
    labels = [
        np.concatenate([targets["label"] for _, targets, *_ in stream.take(8)])
        for stream in streams
    ]
    # Of 32 coin flips about half are alike.
    assert 6 < np.sum(labels[0] == labels[1]) < 26


def test_measures_stand_beside_those_of_a_blind_guess(task, held_out):
    images, _, labels = held_out
    logits = np.log(np.tile(np.float32([0.7, 0.3]), [4, 1]))
    found = task.measure(lambda inputs: {"label": logits}, images)
    right = np.mean(labels == 0)
    expected = -right * math.log(0.7) - (1 - right) * math.log(0.3)
    assert found == {
        "label": pytest.approx(expected, rel=1e-5),
        "label_baseline": pytest.approx(math.log(2)),
        "accuracy": pytest.approx(right),
        "accuracy_baseline": 0.5,
    }
    assert task.baselines({"training": found}) == {
        "label": found["label_baseline"],
        "accuracy": 0.5,
    }


def test_the_sheet_shows_a_row_for_each_image(task, held_out):
    images, batches, _ = held_out
    logits = np.float32([[1.0, 0.0]] * 4)
    sheet = task.draw(lambda inputs: {"label": logits}, {"train": images})
    # The first batch.
    assert len(batches[0][0]["gray"]) == 4
    assert sheet.shape[0] == 26 + 4 * (120 + 6)


# A few steps on the embedded photographs; jigsaw's patches have 11 pixels.
TINY = dict(
    network="alexnet",
    width=1 / 64,
    crop_size=40,
    batch_size=4,
    steps=4,
    log_every=2,
    eval_every=2,
)


def _make(name, **changes):
    hidden = {"hidden": 8} if name == "jigsaw" else {}
    task = tasks.get(name)
    return task(task.Config.from_preset(**{**TINY, **hidden, **changes}))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(photos.glob("*.jpg"))[:5]:
        shutil.copy(path, folder)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def test_an_unreadable_image_has_no_weight(damaged):
    task = _make("rotation", data=(str(damaged),), val_fraction=0.0)
    images = task.open("train")
    for _, _, weights, status in task.batches(images).take(3):
        torn = [images.name(i).endswith("torn.jpg") for i in status["index"].numpy()]
        np.testing.assert_array_equal(weights["label"], 1.0 - np.float32(torn))
        np.testing.assert_array_equal(status["status"] == data.UNDECODABLE, torn)


def test_there_is_no_picture_where_no_image_can_be_read(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    task = _make("rotation", val_data=(str(tmp_path),))
    torn = task.open("held_out")
    guess = {"label": np.zeros((4, 4), np.float32)}
    assert task.draw(lambda inputs: guess, {"train": torn, "held_out": torn}) is None


@pytest.fixture(scope="module", params=["rotation", "jigsaw"])
def run(request, tmp_path_factory):
    """The name of a task, and the workdir of a finished run."""
    workdir = tmp_path_factory.mktemp(request.param) / "run"
    training.train(_make(request.param), workdir)
    return request.param, workdir


@pytest.mark.slow
def test_a_stream_starts_anywhere(run):
    task = _make(run[0])
    images = task.open("train")
    streams = task.batches(images, start=3), task.batches(images).skip(3)
    for ours, other in zip(*(stream.take(2) for stream in streams), strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, ours, other)


@pytest.mark.slow
def test_a_run_leaves_its_model_numbers_and_pictures(run):
    (name, workdir), count = run, _make(run[0]).transformations
    kind = tasks.get(name).kind
    assert {"backbone.keras", f"{kind}.keras", "samples.png"} <= set(
        os.listdir(workdir)
    )
    model = keras.models.load_model(workdir / f"{kind}.keras")
    assert heads.kind(model) == kind and model.output["label"].shape[-1] == count
    header = (workdir / "log.csv").read_text().splitlines()[0].split(",")
    assert {"label", "loss", "val_label", "val_accuracy"} <= set(header)
    held_out = json.loads((workdir / "results.json").read_text())["held_out"]
    assert held_out["label_baseline"] == pytest.approx(np.log(count))
    assert held_out["accuracy_baseline"] == 1 / count


@pytest.mark.slow
def test_evaluation_gives_the_numbers_of_the_run(run):
    results, folder = training.evaluate(run[1])
    trained = json.loads((run[1] / "results.json").read_text())
    assert results["images"] == trained["held_out_images"] == 6
    for name, value in trained["held_out"].items():
        assert results[name] == pytest.approx(value, rel=1e-5)
    assert (folder / "samples.png").exists()


@pytest.mark.slow
def test_evaluation_stops_at_an_unreadable_image(run, damaged, tmp_path):
    with pytest.raises(ValueError, match="torn.jpg"):
        training.evaluate(run[1], {"data": (str(damaged),)}, tmp_path)


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_the_unbroken_one(run, tmp_path, monkeypatch):
    name, workdir = run

    def stop(*args):
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(TransformationTask, "measure", stop)
        with pytest.raises(InterruptedError):
            training.train(_make(name, checkpoint_seconds=0.0), tmp_path)
    training.train(_make(name), tmp_path)
    ours, theirs = (
        keras.models.load_model(path / f"{tasks.get(name).kind}.keras").get_weights()
        for path in (tmp_path, workdir)
    )
    toy_task.assert_same(ours, theirs)
