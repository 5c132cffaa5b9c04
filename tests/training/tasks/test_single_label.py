"""Single-label classification: labels as asked for, and whole runs."""

import dataclasses
import json
import os
import shutil

import keras
import numpy as np
import pytest

from selfsup import data, heads, inference, training
from selfsup.data import label_transforms
from selfsup.data.labelled_batches import evaluation_batches
from selfsup.training import tasks
from selfsup.training.tasks.single_label import SingleLabel, SingleLabelConfig

import image_files

TINY = dict(
    network="alexnet",
    width=1 / 64,
    crop_size=24,
    min_side=26,
    max_side=30,
    batch_size=4,
    max_steps=8,
    eval_every=4,
    held_out=0.25,
    log_every=4,
    learning_rate=0.01,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    """Twelve photographs to train on and six to test on, of three classes."""
    root, classes = tmp_path_factory.mktemp("data"), ("ant", "bee", "cat")
    return image_files.class_folders(root, photos, 18, 12, (40, 30), classes)


def _task(folder, **changes):
    return SingleLabel(SingleLabelConfig(**{"data": str(folder), **TINY, **changes}))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, folder):
    workdir = tmp_path_factory.mktemp("run") / "run"
    training.train(_task(folder, retrain_on_all=True), workdir)
    return workdir


def _json(path):
    return json.loads(path.read_text())


@pytest.mark.slow
def test_it_is_found_by_name_and_configuration(workdir):
    assert tasks.get("single_label") is SingleLabel
    assert tasks.of_config(SingleLabelConfig(data="x")) is SingleLabel
    assert _json(workdir / "config.json")["task"] == "single_label"


def test_parts_are_stratified_and_the_test_is_apart(folder):
    task = _task(folder)
    parts = {name: task.open(name) for name in ("all", "train", "held_out", "test")}
    assert [len(part) for part in parts.values()] == [12, 9, 3, 6]
    np.testing.assert_array_equal(np.sort(parts["held_out"].labels), [0, 1, 2])
    names = [set(parts[name].keys) for name in ("train", "held_out")]
    assert not names[0] & names[1] and names[0] | names[1] == set(parts["all"].keys)


def test_labels_are_changed_in_training_and_joined_in_the_test(folder, tmp_path):
    mapping = tmp_path / "buckets.txt"
    mapping.write_text("ant insect\nbee insect\ncat mammal\n")
    labels = f"noise(0.5), buckets({mapping})"
    task = _task(folder, labels=labels, samples_per_class=3)
    found, test = task.open("all"), task.open("test")
    assert found.classes == test.classes == ("insect", "mammal")
    assert len(found) == 9
    # The test keeps all its images, and their right labels.
    np.testing.assert_array_equal(test.labels, [0, 0, 0, 0, 1, 1])
    plain, _ = data.open_labeled(str(folder))
    transforms = label_transforms.parse(f"per_class(3), {labels}")
    expected = label_transforms.apply(transforms, plain, task.config.seed)
    assert found.keys == expected.keys
    np.testing.assert_array_equal(found.labels, expected.labels)
    # What was chosen is written for others to use.
    task.list_samples(tmp_path)
    listed, _ = data.open_labeled(str(tmp_path / "samples" / "list.txt"))
    assert listed.images.sources == found.images.sources
    np.testing.assert_array_equal(listed.labels, found.labels)
    assert listed.classes == found.classes
    _task(folder).list_samples(tmp_path / "nothing to choose")


def test_loss_is_the_cross_entropy_of_what_can_be_read(folder):
    task = _task(folder)
    logits = np.array([[2.0, 0, 0], [0, 1, 0]], np.float32)
    ((loss, weight, _),) = task.losses(None, None).values()
    expected = (np.log(np.exp(2) + 2) - 2) / 2
    value = loss(np.array([0, 1]), logits, np.array([1.0, 0.0]))
    assert (float(value), weight) == (pytest.approx(expected, rel=1e-5), 1.0)


def _baseline(folder, labels):
    samples = _task(folder).open("all")
    # As many images as labels.
    samples = dataclasses.replace(samples, labels=labels, images=labels)
    return _task(folder).score_baseline(samples)


@pytest.mark.parametrize("largest", [60, 30])
def test_the_baseline_is_what_guesses_of_the_largest_class_get(folder, largest):
    labels = np.array([0] * largest + [1 + i % 3 for i in range(100 - largest)])
    found = _baseline(folder, labels)
    hits = np.random.default_rng(0).binomial(100, largest / 100, 10_000) / 100
    assert largest / 100 < found and np.mean(hits > found) < 0.04


def test_the_baseline_of_few_images_leaves_room_above(folder):
    assert _baseline(folder, np.array([0, 0, 0, 0, 1])) == pytest.approx(0.9)


@pytest.mark.slow
def test_a_workdir_holds_everything(workdir):
    assert set(os.listdir(workdir)) == {
        ".lock",
        *("backbone.keras", "best", "checkpoints", "config.json", "curves.png"),
        *("images.json", "log.csv", "results.json", "retrained", "samples.png"),
        *("schedule.json", "single_label_classifier.keras", "tensorboard"),
    }
    results, config = (_json(workdir / f"{n}.json") for n in ("results", "config"))
    assert results["classes"] == ["ant", "bee", "cat"]
    assert results["data_classes"] == {name: name for name in results["classes"]}
    assert (results["images"], results["training_images"]) == (6, 12)
    # Of three images the mean of a third and one.
    assert results["held_out_accuracy_baseline"] == pytest.approx(2 / 3)
    assert (config["min_side"], config["labels"]) == (26, "")
    schedule = _json(workdir / "schedule.json")
    assert schedule["score"] == "accuracy"
    assert schedule["best_score"] == results["held_out_accuracy"]


@pytest.mark.slow
def test_evaluation_gives_the_numbers_of_the_run_and_of_the_model(
    workdir, folder, tmp_path
):
    results, output = training.evaluate(workdir, {"figures": True}, tmp_path / "one")
    trained = _json(workdir / "results.json")
    for name in ("accuracy", "mean_class_accuracy", "class_accuracy", "images"):
        assert results[name] == trained[name]
    pictures = {"confusions.png", "per_class.png"}
    assert pictures <= set(os.listdir(output))
    # By hand, image by image.
    model = keras.saving.load_model(workdir / "single_label_classifier.keras")
    assert heads.kind(model) == "single_label_classifier"
    task = _task(folder)
    predict = inference.score_predictor(model)
    right = []
    test = task.open("test")
    for inputs, targets, weights, _ in evaluation_batches(test, task.config, 10):
        for crops, label, weight in zip(
            inputs["gray"], targets["label"], weights["label"], strict=True
        ):
            if weight:
                right.append(int(np.argmax(predict(crops))) == int(label))
    ten, _ = training.evaluate(workdir, {"crops": 10}, tmp_path / "ten")
    assert ten["accuracy"] == pytest.approx(np.mean(right), abs=1e-12)


@pytest.mark.slow
def test_a_stopped_evaluation_goes_on(workdir, tmp_path, monkeypatch):
    whole, _ = training.evaluate(workdir, {}, tmp_path / "whole")
    make, calls = inference.batch_score_predictor, []

    def stopping(model):
        predict = make(model)

        def counted(crops):
            calls.append(len(crops))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return predict(crops)

        return counted

    monkeypatch.setattr(inference, "batch_score_predictor", stopping)
    with pytest.raises(KeyboardInterrupt):
        training.evaluate(workdir, {}, tmp_path / "stopped")
    again, _ = training.evaluate(workdir, {}, tmp_path / "stopped")
    # Six images in batches of four; the second batch was left to do.
    assert (calls, again) == ([4, 4, 4], whole)


@pytest.mark.slow
def test_a_torn_photograph_is_left_out_of_training_and_ends_the_evaluation(
    workdir, folder, tmp_path, caplog
):
    spoiled = tmp_path / "spoiled"
    shutil.copytree(folder, spoiled)
    (spoiled / "train" / "ant" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    task = _task(spoiled, schedule="cosine", max_steps=6, val_data=None)
    results = training.train(task, tmp_path / "run")
    assert results["steps"] == 6
    # Of three images the mean of a third and one.
    assert results["held_out_accuracy_baseline"] == pytest.approx(2 / 3)
    assert any("torn.jpg" in message for message in caplog.messages)
    (spoiled / "val" / "bee" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ValueError, match="torn.jpg"):
        training.evaluate(workdir, {"data": str(spoiled)}, tmp_path / "report")


@pytest.mark.slow
def test_a_run_without_test_images_needs_some(workdir, folder, tmp_path):
    moved = tmp_path / "run"
    shutil.copytree(workdir, moved)
    settings = _json(moved / "config.json")
    settings["data"] = str(folder / "train")
    (moved / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="Expected --data with labeled"):
        training.evaluate(moved, {}, tmp_path / "report")


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_labels(folder, tmp_path):
    mapping = tmp_path / "buckets.txt"
    mapping.write_text("ant x\nbee x\ncat y\n")
    changes = dict(labels=f"buckets({mapping})", schedule="cosine", held_out=0.0)
    results = training.train(_task(folder, **changes, max_steps=2), tmp_path / "run")
    assert "held_out_accuracy" not in results and results["training_images"] == 12
    mapping.write_text("ant x\nbee y\ncat y\n")
    with pytest.raises(ValueError, match="not those that the run began with"):
        training.train(_task(folder, **changes, max_steps=4), tmp_path / "run")
    # An evaluation goes by the buckets of the run, without the file.
    mapping.unlink()
    again, _ = training.evaluate(tmp_path / "run")
    assert again["class_accuracy"] == results["class_accuracy"]


@pytest.mark.slow
def test_a_run_of_fixed_length_that_learned_nothing_says_so(folder, tmp_path, caplog):
    changes = dict(schedule="multistep", max_steps=2, learning_rate=1e-9)
    results = training.train(_task(folder, **changes), tmp_path / "run")
    said = any("learned nothing" in message for message in caplog.messages)
    assert said == (results["held_out_accuracy"] <= 0.34)
    assert results["held_out_accuracy_above_baseline"] != said


@pytest.mark.slow
def test_a_classifier_is_a_start_for_others(workdir, folder):
    """As a colorizer's run is: supervised pretraining."""
    task = _task(folder, init=str(workdir), network=None, width=None)
    task.resolve()
    assert task.config.network == "alexnet"
    ours = task.backbone(task.open("train"))
    theirs = keras.saving.load_model(workdir / "backbone.keras")
    assert [v.shape for v in ours.weights] == [v.shape for v in theirs.weights]


# Settings.


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"data": ""}, "Received: data=''"),
        ({"labels": "noise(1.5)"}, r"Received: 'noise\(1.5\)'"),
        ({"labels": "blur(3)"}, r"Received: 'blur\(3\)'"),
        ({"crop_size": 64, "min_side": 32}, "min_side=32"),
        ({"schedule": "never"}, "Received: schedule='never'"),
        ({"held_out": 0.0}, "Received: held_out=0.0"),
        ({"retrain_on_all": True, "schedule": "cosine"}, "retrain_on_all=True"),
        ({"normalization": "plain", "init": "runs/colors"}, "normalization='plain'"),
    ],
)
def test_bad_settings_are_refused(changes, received):
    with pytest.raises(ValueError, match=received):
        SingleLabelConfig(**{"data": "photos", **changes})


def test_sides_follow_the_crop():
    description = {"network": "alexnet", "width": 1.0, "padding": "zeros"}
    config = SingleLabelConfig(data="x").resolved(description, 224, 63)
    assert (config.crop_size, config.min_side, config.max_side) == (224, 256, 384)
    config = SingleLabelConfig(data="x", max_side=230).resolved(description, 224, 63)
    assert (config.min_side, config.max_side) == (230, 230)


def test_a_file_of_buckets_means_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = SingleLabelConfig(
        data="x", labels="buckets(a.json), buckets(H16)"
    ).located()
    assert config.labels == f"buckets({tmp_path / 'a.json'}), buckets(H16)"
    assert (
        SingleLabelConfig(data="x", labels="buckets(R50)")
        .located()
        .labels.endswith("R50)")
    )


def test_samples_per_class_come_before_other_changes_of_the_labels():
    config = SingleLabelConfig(data="x", samples_per_class=3, labels="noise(.5)")
    assert [str(t) for t in config.transforms] == ["per_class(3)", "noise(0.5)"]
    assert config.located().labels == "noise(0.5)"
    assert SingleLabelConfig(data="x").transforms == ()
