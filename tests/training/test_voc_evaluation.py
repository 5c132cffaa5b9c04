"""The report on a trained model: what it takes, what it says, what it refuses."""

import dataclasses
import json
import os
import shutil

import keras
import numpy as np
import pytest

from selfsup import data, evaluation, heads, networks, training
from selfsup.training import VocEvaluation, eval_voc, voc_table

import fakes
import voc_folders

TINY = dict(
    network="alexnet", width=1 / 64, batch_size=4, max_steps=1, fov_blocks=0, hidden=8
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


def _trained(tmp_path_factory, folder, task, **changes):
    workdir = tmp_path_factory.mktemp(task)
    settings = {"voc_dir": str(folder.root), **TINY, **changes}
    training.train_voc(training.VocConfig.for_task(task, **settings), workdir)
    return workdir


@pytest.fixture(scope="module")
def segmented(tmp_path_factory, folder):
    changes = dict(crop_size=48, points=16, hidden_stddev=0.1, dropout=0.0)
    # Long enough to predict more than one class.
    changes |= dict(max_steps=8, eval_every=8, learning_rate=0.01)
    workdir = _trained(tmp_path_factory, folder, "segmentation", **changes)
    confusion = np.array(_json(workdir / "results.json")["confusion"])
    assert np.sum(confusion.any(axis=0)) > 1
    return workdir


@pytest.fixture(scope="module")
def classified(tmp_path_factory, folder):
    return _trained(tmp_path_factory, folder, "classification", crop_size=64)


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory):
    """A workdir of pretraining."""
    folder = tmp_path_factory.mktemp("colorizer")
    backbone = fakes.network("alexnet")
    backbone.save(folder / "backbone.keras")
    model = heads.colorizer(backbone, networks.taps(backbone), bins=4, hidden=8)
    model.save(folder / "colorizer.keras")
    (folder / "config.json").write_text('{"network": "alexnet"}')
    return folder


def _json(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("task", ["segmented", "classified"])
def test_a_workdir_alone_gives_what_training_measured(task, request):
    workdir = request.getfixturevalue(task)
    results, output = eval_voc(str(workdir), VocEvaluation())
    assert output == workdir / "evaluation"
    assert set(os.listdir(output)) == {"config.json", "results.json"}
    written = _json(output / "results.json")
    assert written == json.loads(json.dumps(results))
    trained = _json(workdir / "results.json")
    of_training = {"best_step", "retrained_on_all", "classes"}
    measured = {
        name: value
        for name, value in trained.items()
        if name not in of_training and not name.startswith("held_out")
    }
    assert len(measured) >= 6
    assert {name: written[name] for name in measured} == measured
    settings = _json(output / "config.json")
    assert settings["split"] == ("val" if task == "segmented" else "test")
    assert settings["voc_dir"] == _json(workdir / "config.json")["voc_dir"]


def test_a_file_needs_to_be_told_the_data(segmented, folder, tmp_path):
    path = shutil.copy(segmented / "segmenter.keras", tmp_path / "mine.keras")
    with pytest.raises(ValueError, match="no config.json.*Expected --voc_dir"):
        eval_voc(path, VocEvaluation())
    settings = VocEvaluation(voc_dir=str(folder.root))
    results, output = eval_voc(path, settings, tmp_path / "report")
    trained = _json(segmented / "results.json")
    assert results["confusion"] == trained["confusion"]
    assert (results["split"], results["ckpt"]) == ("val", str(path))
    assert _json(output / "results.json")["mean_iou"] == trained["mean_iou"]


def test_a_classifiers_file_needs_to_be_told_the_crops_too(
    classified, folder, tmp_path
):
    path = shutil.copy(classified / "classifier.keras", tmp_path / "mine.keras")
    settings = dict(voc_dir=str(folder.root))
    with pytest.raises(ValueError, match="tells the crops. Expected --crop_size"):
        eval_voc(path, VocEvaluation(**settings))
    results, _ = eval_voc(path, VocEvaluation(**settings, crop_size=64))
    assert results["ap_area"] == _json(classified / "results.json")["ap_area"]


@pytest.mark.slow
def test_options_of_segmentation(segmented, folder, tmp_path):
    settings = VocEvaluation(flip=True, scales="0.5,1", stride=2)
    results, _ = eval_voc(segmented, settings, tmp_path)
    model = keras.models.load_model(segmented / "segmenter.keras")
    samples = data.voc.open_segmentation(folder.root, "val")
    expected = evaluation.evaluate_segmentation(
        model, samples, flip=True, scales=(0.5, 1.0), stride=2
    )
    assert {name: results[name] for name in expected} == expected
    assert (results["stride"], results["scales"], results["flip"]) == (2, (0.5, 1), 1)
    # At every pixel, at one scale and one way round, it is another.
    assert _json(segmented / "results.json")["confusion"] != expected["confusion"]


def test_another_split_and_pictures_of_segmentation(segmented, tmp_path):
    settings = VocEvaluation(split="train", stride=4, figures=True)
    results, _ = eval_voc(segmented, settings, tmp_path)
    assert (results["split"], results["images"]) == ("train", 10)
    assert set(os.listdir(tmp_path)) == {
        "config.json",
        "results.json",
        "predictions.png",
        "per_class.png",
    }
    # Without pictures of its own it leaves none of an earlier one.
    eval_voc(segmented, dataclasses.replace(settings, figures=False), tmp_path)
    assert set(os.listdir(tmp_path)) == {"config.json", "results.json"}


def test_flags_of_the_other_task_are_told(segmented, tmp_path, caplog):
    caplog.set_level("WARNING", logger="absl")
    eval_voc(segmented, VocEvaluation(stride=4, crops="fixed", flip=True), tmp_path)
    messages = [record.getMessage() for record in caplog.records]
    assert "--crops does nothing for segmentation" in messages
    assert not any("--flip" in message for message in messages)


@pytest.mark.parametrize("crops", ["fixed", "3"])
def test_classification_options_and_pictures(crops, classified, folder, tmp_path):
    settings = VocEvaluation(
        split="trainval", crops=crops, crop_size=72, seed=4, figures=True
    )
    results, _ = eval_voc(classified, settings, tmp_path)
    model = keras.models.load_model(classified / "classifier.keras")
    samples = data.voc.open_classification(folder.root, "trainval")
    number = crops if crops == "fixed" else int(crops)
    expected, _ = evaluation.evaluate_classification(
        model, samples, 72, crops=number, seed=4
    )
    assert {name: results[name] for name in expected} == expected
    assert (results["crops"], results["crop_size"]) == (number, 72)
    assert set(os.listdir(tmp_path)) >= {"rankings.png", "per_class.png"}


def test_a_run_without_a_test_split_is_evaluated_on_the_usual_one(segmented, tmp_path):
    shutil.copytree(segmented, tmp_path / "run")
    settings = _json(tmp_path / "run" / "config.json")
    settings["val_split"] = "none"
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    results, _ = eval_voc(tmp_path / "run", VocEvaluation())
    assert results["split"] == "val"


@pytest.mark.parametrize("name", ["", "colorizer.keras", "backbone.keras"])
def test_something_else_than_a_trained_model_is_named(name, colorizer, folder):
    path = colorizer / name
    settings = VocEvaluation(voc_dir=str(folder.root))
    with pytest.raises((FileNotFoundError, ValueError)) as error:
        eval_voc(path, settings)
    expected = {
        "": "as train_voc.py leaves it, or a .keras file. "
        f"Received: {path} with backbone.keras, colorizer.keras",
        "colorizer.keras": f"Received: {path} with outputs hue, chroma",
        "backbone.keras": f"Received: {path} with outputs without names",
    }[name]
    # A dict's order is that of the model.
    message = str(error.value).replace("chroma, hue", "hue, chroma")
    assert expected in message
    assert not (colorizer / "evaluation").exists()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"Received: {tmp_path}/nowhere"):
        eval_voc(tmp_path / "nowhere", VocEvaluation(voc_dir="VOC"))
    with pytest.raises(FileNotFoundError, match=f"{tmp_path} with no .keras file"):
        eval_voc(tmp_path, VocEvaluation(voc_dir="VOC"))


@pytest.mark.parametrize("task", ["segmented", "classified"])
def test_data_of_other_classes_are_refused(task, request, folder, tmp_path):
    workdir = request.getfixturevalue(task)
    folder = folder.copy(tmp_path / "VOC")
    root, settings = folder.root, VocEvaluation(voc_dir=str(tmp_path / "VOC"))
    folder.label("test", folder.names[10:], [[1, 1, -1]] * 4, "abc")
    for classes, error in (
        (("background", "a", "b", "c"), f"different classes.*: {root} of "),
        (("background", "a", "b"), f"Expected.*middle, bright.*a, b in {root}"),
    ):
        (root / "classes.txt").write_text("\n".join(classes))
        with pytest.raises(ValueError, match=error):
            eval_voc(workdir, settings, tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "bad",
    [
        dict(crops="none"),
        dict(crops="0"),
        dict(crops="1001"),
        dict(crops="-3"),
        dict(stride=3),
        dict(scales=""),
        dict(scales="1;2"),
        dict(scales="0.05"),
        dict(scales="nan"),
        dict(scales="0.5,,1"),
        dict(seed=-1),
        dict(crop_size=-1),
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: .*{value}"):
        VocEvaluation(**bad)


def test_the_table_of_a_segmentation_by_hand():
    results = {
        "mean_iou": 0.375,
        "pixel_accuracy": 0.98765,
        "iou": {"background": 0.5, "cat": None, "dog": 0.25},
    }
    assert voc_table(results).splitlines() == [
        "                       iou",
        "background           50.00",
        "cat                      -",
        "dog                  25.00",
        "mean                 37.50",
        "pixel accuracy       98.77",
    ]


def test_the_table_of_a_classification_by_hand():
    results = {
        "map_11point": 0.75,
        "ap_11point": {"cat": 1.0, "dog": 0.5},
        "map_area": 0.7,
        "ap_area": {"cat": 1.0, "dog": 0.4},
    }
    assert voc_table(results).splitlines() == [
        "                ap_11point     ap_area",
        "cat                 100.00      100.00",
        "dog                  50.00       40.00",
        "mean                 75.00       70.00",
    ]


def test_the_table_of_a_run_that_was_not_tested():
    results = {"best_step": 3, "held_out_mean_iou": 0.123456}
    assert voc_table(results) == "Not tested. Held-out score: 12.35"


def test_a_model_of_the_zoo_is_looked_at():
    with pytest.raises(ValueError, match="no segmenter or classifier.*Received: samp"):
        eval_voc("sample", VocEvaluation())
    with pytest.raises(FileNotFoundError, match="name from the zoo .*Received: nothin"):
        eval_voc("nothing", VocEvaluation())
