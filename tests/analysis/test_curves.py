"""Curves of pretraining runs, and the scores of their snapshots."""

import json
import pathlib

import pytest

from selfsup.analysis import curves
from selfsup.analysis.curves import CurvesConfig
from selfsup.analysis.tables.scales import SCALES


def _run(folder, rates, snapshots=()):
    rows = [f"{0},{3 - k},{rate},{10 * (k + 1)}.0,4.0" for k, rate in enumerate(rates)]
    header = "epoch,loss,learning_rate,step,steps_per_second"
    folder.mkdir()
    (folder / "log.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "snapshots").mkdir()
    for step in snapshots:
        (folder / "snapshots" / f"backbone-{step:08d}.keras").touch()
    return str(folder)


def test_drops_are_where_the_rate_falls_at_once(tmp_path):
    dropping = _run(tmp_path / "a", [0.1, 0.1, 0.01, 0.01, 0.001])
    assert curves.read_log(dropping) == {
        "steps": [10, 20, 30, 40, 50],
        "loss": [3, 2, 1, 0, -1],
        "drops": [20, 40],
    }
    cosine = _run(tmp_path / "b", [0.1, 0.09, 0.05, 0.01, 0.0])
    assert curves.read_log(cosine)["drops"] == []


def test_a_log_of_one_row(tmp_path):
    assert curves.read_log(_run(tmp_path / "a", [0.1]))["steps"] == [10]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no row yet"),
        ("step,loss,learning_rate\n", "has no row yet"),
        ("step,loss\n1,2\n", "learning_rate"),
        ("step,loss,learning_rate\n1,2\n", "damaged"),
        ("step,loss,learning_rate\n1,2,x\n", "damaged"),
    ],
)
def test_a_log_without_rows_or_numbers_is_named(tmp_path, text, message):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=f"{message}.*log.csv"):
        curves.read_log(tmp_path)


def test_snapshots_are_found_by_their_steps(tmp_path):
    run = _run(tmp_path / "a", [0.1], [2000, 400])
    assert list(curves.find_snapshots(run)) == [400, 2000]


def test_each_snapshot_is_fine_tuned_with_each_seed(tmp_path, monkeypatch):
    runs = [
        _run(tmp_path / "dropping", [0.1, 0.01], [10, 20]),
        _run(tmp_path / "constant", [0.1, 0.1], [20]),
    ]
    calls = []

    def run_recipe(recipe, folder, data):
        calls.append((recipe, folder, data.voc_dir))
        init = pathlib.Path(recipe.settings["init"])
        step = int(init.stem.split("-")[1])
        return [{"mean_iou": step / 100 + 0.02 * recipe.settings["seed"]}]

    monkeypatch.setattr(curves, "run_recipe", run_recipe)
    (tmp_path / "ImageSets").mkdir()
    config = CurvesConfig(
        ckpt=tuple(runs), voc_dir=str(tmp_path), seeds=2, workdir=str(tmp_path / "t")
    )
    output = tmp_path / "report"
    results = curves.curves(config, output)
    assert len(calls) == 6
    settings = SCALES["mini"].downstream("segmentation", "vgg16", False)
    for recipe, folder, voc_dir in calls:
        assert recipe.task == "segmentation"
        assert settings.items() <= recipe.settings.items()
        assert (folder, voc_dir) == (tmp_path / "t", str(tmp_path))
    scores = results["runs"]["dropping"]["snapshots"]
    assert {step: score["mean"] for step, score in scores.items()} == {
        10: pytest.approx(0.11),
        20: pytest.approx(0.21),
    }
    assert list(results["runs"]["constant"]["snapshots"]) == [20]
    written = json.loads((output / "curves.json").read_text())
    assert written["results"]["runs"]["dropping"]["drops"] == [10]
    assert (output / "curves.png").stat().st_size > 5000
    page = (output / "report.html").read_text()
    assert "21.0 ± 1.4" in page and "constant" in page


def test_losses_alone_need_no_snapshots(tmp_path):
    config = CurvesConfig(ckpt=(_run(tmp_path / "a", [0.1, 0.1]),))
    results = curves.curves(config, tmp_path / "report")
    assert results["runs"]["a"]["snapshots"] == {}


def test_what_is_missing_is_named_before_anything_is_written(tmp_path):
    run = _run(tmp_path / "a", [0.1])
    output = tmp_path / "report"
    with pytest.raises(FileNotFoundError, match="Expected log.csv"):
        curves.curves(CurvesConfig(ckpt=(str(tmp_path),)), output)
    with pytest.raises(FileNotFoundError, match="--keep_every"):
        curves.curves(CurvesConfig(ckpt=(run,), voc_dir="VOC"), output)
    other = _run(tmp_path / "b", [0.1], [10])
    with pytest.raises(FileNotFoundError, match="Received: 'VOC'"):
        curves.curves(CurvesConfig(ckpt=(other,), voc_dir="VOC"), output)
    with pytest.raises(ValueError, match="Received: ckpt="):
        CurvesConfig()
    assert not output.exists()
