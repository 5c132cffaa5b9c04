"""What tasks on labeled sets share: the parts, the start, and their evaluation."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import heads, networks, runs, training
from selfsup.training import tasks

import fakes
import voc_folders

CONFIGS = {
    "segmentation": training.SegmentationConfig,
    "classification": training.ClassificationConfig,
}
TINY = dict(network="alexnet", width=1 / 64, crop_size=48, batch_size=4, fov_blocks=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _task(folder, name="segmentation", **changes):
    settings = {"voc_dir": str(folder.root), **TINY, **changes}
    return tasks.get(name)(CONFIGS[name](**settings))


@pytest.mark.parametrize(
    "changes, error",
    [
        (dict(train_split="missing"), "no such split.*'missing'"),
        (dict(val_split="missing"), "no such split.*'missing'"),
        (dict(init="/no/where", network=None, width=None), "Received: /no/where"),
        (dict(trainable="conv9"), "no such layer.*--trainable conv9"),
    ],
    ids=["train_split", "val_split", "init", "trainable"],
)
def test_bad_settings_leave_nothing(changes, error, folder, tmp_path):
    with pytest.raises((FileNotFoundError, ValueError), match=error):
        training.train(_task(folder, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_settings_are_completed_from_the_backbone(folder):
    task = _task(folder, network=None, width=1 / 32)
    task.resolve()
    config = task.config
    assert (config.network, config.width, config.padding) == ("vgg16", 1 / 32, "zeros")
    assert (config.train_split, config.eval_every) == ("train", 1000)


def test_a_name_of_the_zoo_stays_one_unless_it_is_a_path(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "selfsup.training.tasks.downstream.initial_backbone",
        lambda *args: fakes.network("alexnet"),
    )

    def resolved(init):
        task = _task(folder, init=init)
        task.resolve()
        return task.config.init

    assert resolved("random") == "random"
    assert resolved("mine") == str(tmp_path / "mine")
    assert resolved("vgg16") == "vgg16"
    (tmp_path / "vgg16").mkdir()
    assert resolved("vgg16") == str(tmp_path / "vgg16")


@pytest.mark.slow
def test_the_backbone_is_rebalanced_on_training_batches_and_frozen(folder):
    task = _task(folder, trainable="none")
    task.resolve()
    backbone = task.backbone(None)
    assert not backbone.trainable_variables
    batches = task.batches(task.open("all")).take(4)
    relus = [x.name for x in backbone.layers if isinstance(x, keras.layers.ReLU)]
    maps = fakes.maps(backbone, relus)
    squares = np.zeros(len(relus))
    for inputs, *_ in batches:
        squares += [np.mean(np.square(x)) / 4 for x in maps(inputs["gray"])]
    np.testing.assert_allclose(squares, 1, rtol=1e-3)


@pytest.mark.parametrize(
    "before, given, expected",
    [
        ({"eval_every": 7}, None, 7),
        ({"eval_every": 7}, 3, 3),
        ({}, None, 1000),
        (None, None, 1000),
    ],
)
def test_a_prolonged_run_keeps_its_period_unless_one_is_given(
    before, given, expected, folder, tmp_path
):
    if before is not None:
        (tmp_path / "config.json").write_text(json.dumps(before))
    task = _task(folder, eval_every=given)
    task.resolve(tmp_path)
    assert task.config.eval_every == expected


def test_a_run_is_not_made_shorter_than_it_is(folder, tmp_path):
    variable = tf.train.Checkpoint(x=tf.Variable(0))
    manager = tf.train.CheckpointManager(variable, tmp_path / "checkpoints", 2)
    for steps in (11, 12):
        manager.save(checkpoint_number=steps)
        task = _task(folder, max_steps=11)
        if steps == 11:
            task.resolve(tmp_path)
    with pytest.raises(ValueError, match="steps done, 12, .*max_steps=11"):
        task.resolve(tmp_path)


def test_settings_that_are_no_object_are_named(folder, tmp_path):
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(TypeError, match=f"JSON object.*{tmp_path}"):
        _task(folder).resolve(tmp_path)


# Evaluation of a model that has not learned anything.


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, folder):
    """A segmenter with the settings of a run that was not tested."""
    workdir = tmp_path_factory.mktemp("run")
    backbone = fakes.network("alexnet", normalization="none")
    model = heads.segmenter(backbone, networks.taps(backbone)[-1:], 3, hidden=4)
    model.save(workdir / "segmenter.keras")
    config = training.SegmentationConfig(voc_dir=str(folder.root), val_split="none")
    runs.write_json(
        workdir / "config.json", {"task": "segmentation", **config.to_json()}
    )
    runs.write_json(workdir / "results.json", {"classes": list(voc_folders.CLASSES)})
    return workdir


def test_a_run_without_a_test_split_is_evaluated_on_the_usual_one(workdir, tmp_path):
    results, _ = training.evaluate(workdir, {"stride": 4}, tmp_path)
    assert results["split"] == "val"


def test_data_of_other_classes_are_refused(workdir, folder, tmp_path):
    root = folder.copy(tmp_path / "VOC").root
    for classes, error in (
        ("background a b c", rf"3 classes. Received: {root} of 4 \(background, a,"),
        ("background a b", f"Expected background, middle, .*, a, b in {root}"),
    ):
        (root / "classes.txt").write_text("\n".join(classes.split()))
        with pytest.raises(ValueError, match=error):
            training.evaluate(workdir, {"voc_dir": str(root)}, tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "content, error",
    [
        ("{", "Expected JSON.*{}/config.json"),
        ("[1]", "JSON object.*{}"),
        ('{{"task": "detection"}}', "one of segmentation. Received: {} with detection"),
        ('{{"width": 1}}', "one of segmentation. Received: {} with colorization"),
        ('{{"task": "segmentation", "hue": 1}}', "Received: hue$"),
    ],
    ids=["no JSON", "list", "unknown task", "no task", "unknown field"],
)
def test_settings_that_fit_no_task_are_named(content, error, workdir, tmp_path):
    moved = shutil.copytree(workdir, tmp_path / "run")
    (moved / "config.json").write_text(content.replace("{{", "{").replace("}}", "}"))
    with pytest.raises((TypeError, ValueError), match=error.format(moved)):
        training.evaluate(moved)
