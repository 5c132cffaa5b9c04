"""Runs of cells: a chain is trained, and what is done is not done again."""

import dataclasses
import json

import pytest

from selfsup import training
from selfsup.analysis.tables import ledger, running
from selfsup.analysis.tables.paper import Cell
from selfsup.analysis.tables.recipes import Recipe
from selfsup.analysis.tables.running import TableData, run_cell, run_recipe

import image_files
import voc_folders

CELL = Cell("colors", "masks", 56.0, "colorization")

COLORS = Recipe(
    "colorization",
    {
        "preset": "sample",
        "network": "alexnet",
        "width": 0.02,
        "crop_size": 64,
        "hidden": 8,
        "points": 8,
        "batch_size": 4,
        "steps": 2,
        "log_every": 1,
    },
)
MASKS = Recipe(
    "segmentation",
    {
        "train_split": "train",
        "crop_size": 64,
        "hidden": 8,
        "points": 8,
        "batch_size": 2,
        "max_steps": 2,
        "eval_every": 1,
        "fov_blocks": 0,
    },
    COLORS,
)


class _Scale:
    """A scale with one recipe."""

    measures = {"segmentation": "mean_iou"}

    def recipe(self, cell, has_more_masks, init):
        assert cell is CELL and not has_more_masks and init is None
        return MASKS


@pytest.fixture(scope="module")
def data(tmp_path_factory, photos):
    voc = voc_folders.Folder(tmp_path_factory.mktemp("voc"), photos)
    return TableData(data=(str(photos),), voc_dir=str(voc.root))


def test_flags_that_a_recipe_needs():
    labels = Recipe("single_label", {})
    assert TableData(data=("photos",)).missing(MASKS) == ("voc_dir",)
    assert TableData(voc_dir="VOC").missing(MASKS) == ("data",)
    assert TableData().missing(Recipe("classification", {}, labels)) == (
        "labeled_data",
        "voc2007_dir",
    )


def test_more_masks_are_those_of_a_list_or_of_sbd(data, tmp_path):
    assert not data.has_more_masks
    lists = tmp_path / "VOC2012" / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train_aug.txt").write_text("a\n")
    assert TableData(voc_dir=str(tmp_path)).has_more_masks
    assert TableData(voc_dir=data.voc_dir, sbd_dir="SBD").has_more_masks


def test_what_is_missing_is_found_before_the_runs(data, photos, tmp_path):
    running.check_data([MASKS], data)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        running.check_data([MASKS], TableData(data=("nowhere",), voc_dir=data.voc_dir))
    shown = image_files.class_folders(tmp_path, photos, 4, size=(40, 40))
    labels = Recipe("single_label", {"held_out": 0.0, "schedule": "cosine"})
    there = TableData(labeled_data=str(shown), voc_dir=data.voc_dir)
    # A start is not measured.
    running.check_data([dataclasses.replace(MASKS, start=labels)], there)
    with pytest.raises(ValueError, match="Expected --val_data"):
        running.check_data([labels], there)
    # Each choice of images is looked at, whatever comes after it.
    few, enough = (
        dataclasses.replace(labels, settings={**labels.settings, "labels": text})
        for text in ("per_class(99)", "per_class(2)")
    )
    starts = [dataclasses.replace(MASKS, start=start) for start in (few, enough)]
    with pytest.raises(ValueError, match="too few images"):
        running.check_data(starts, there)
    running.check_data(starts[1:], there)


def test_the_best_five_are_of_more_than_five(data, photos, tmp_path):
    shown, held_out = (
        str(image_files.class_folders(tmp_path / part, photos, 4, size=(40, 40)))
        for part in ("train", "test")
    )
    given = TableData(labeled_data=shown, val_data=held_out)
    labels = Recipe("single_label", {"held_out": 0.0, "schedule": "cosine"})
    running.check_data([labels], given, {"accuracy"})
    with pytest.raises(ValueError, match="Expected more than five classes"):
        running.check_data([labels], given, {"top_5_accuracy"})


@pytest.mark.slow
def test_a_cell_is_run_once(data, tmp_path, monkeypatch):
    monkeypatch.setitem(running.SCALES, "mini", _Scale())
    path = tmp_path / "results.jsonl"
    arguments = 1, CELL, "mini", 3, tmp_path, data, path
    result = run_cell(*arguments)
    names = [COLORS.name, MASKS.with_seed(3).name]
    assert [run["name"] for run in result["runs"]] == names
    found = json.loads((tmp_path / names[1] / "results.json").read_text())
    config = json.loads((tmp_path / names[1] / "config.json").read_text())
    assert result["value"] == found["mean_iou"]
    assert (config["seed"], config["init"]) == (3, str(tmp_path / names[0]))
    images = json.loads((tmp_path / names[1] / "images.json").read_text())
    assert result["images"][1] == images
    assert images["training"].startswith("9 images, ")
    assert result["tested_on"] == 4
    assert all(run["training_hours"] >= 0 for run in result["runs"])

    def fail(*arguments):
        raise AssertionError(arguments)

    monkeypatch.setattr(training, "train", fail)
    assert run_cell(*arguments) == result
    assert ledger.read(path) == [json.loads(json.dumps(result))]
    # Another file gets the result of the run that is there.
    assert run_cell(*arguments[:-1], tmp_path / "other.jsonl") == result
    # Only the seed's own run is missing.
    with pytest.raises(AssertionError, match=r"-4'"):
        run_cell(1, CELL, "mini", 4, *arguments[4:])


def _finished(folder, recipe, data, **changes):
    """Writes what a finished run of the recipe leaves."""
    workdir = folder / recipe.name
    workdir.mkdir()
    config = recipe.config(data.of(recipe.task)).to_json()
    content = {"task": recipe.task, **config, **changes}
    (workdir / "config.json").write_text(json.dumps(content))
    (workdir / "results.json").write_text('{"val_loss": 1}')


def test_a_finished_run_of_other_data_is_refused(data, tmp_path):
    _finished(tmp_path, COLORS, data)
    assert run_recipe(COLORS, tmp_path, data) == [{"val_loss": 1}]
    other = TableData(data=("elsewhere",), voc_dir=data.voc_dir)
    message = r"or another --workdir\. .*data \(there .*, now \('elsewhere',\)\)"
    with pytest.raises(ValueError, match=message):
        run_recipe(COLORS, tmp_path, other)
    # And one that was begun: there is no --overwrite to advise.
    (tmp_path / COLORS.name / "results.json").unlink()
    with pytest.raises(ValueError, match=message):
        run_recipe(COLORS, tmp_path, other)


def test_a_finished_run_of_other_settings_is_refused(data, tmp_path):
    _finished(tmp_path, COLORS, data, batch_size=5)
    with pytest.raises(ValueError, match=r"batch_size \(there 5, now 4\)"):
        run_recipe(COLORS, tmp_path, data)


def test_a_begun_run_of_other_weights_is_refused(data, tmp_path):
    _finished(tmp_path, COLORS, data)
    _finished(tmp_path, MASKS, data, init=str(tmp_path / "elsewhere"))
    # Done, it is known by its name: it may lie in another folder since.
    assert len(run_recipe(MASKS, tmp_path, data)) == 2
    (tmp_path / MASKS.name / "results.json").unlink()
    with pytest.raises(ValueError, match=r"or another --workdir\. .*init \(there"):
        run_recipe(MASKS, tmp_path, data)


def test_hours_are_those_of_the_steps(tmp_path):
    (tmp_path / "retrained").mkdir()
    header = "epoch,loss,step,steps_per_second\n"
    (tmp_path / "log.csv").write_text(f"{header}0,1.0,10.0,2.0\n0,1.0,40.0,0.5\n")
    (tmp_path / "retrained" / "log.csv").write_text(f"{header}0,1.0,20.0,4.0\n")
    # 10 steps at 2 a second, 30 at a half, 20 at 4.
    assert running._hours(tmp_path) == pytest.approx((5 + 60 + 5) / 3600)


def test_steps_whose_time_was_lost_count_as_the_others(tmp_path):
    rows = "step,steps_per_second\n10.0,2.0\n20.0,0.0\n30.0,1.0\n"
    (tmp_path / "log.csv").write_text(rows)
    # 20 steps in 15 seconds, and as many for each of the other 10.
    assert running._hours(tmp_path) == pytest.approx(22.5 / 3600)
    (tmp_path / "log.csv").write_text("step,steps_per_second\n10.0,0.0\n")
    assert running._hours(tmp_path) == 0.0
