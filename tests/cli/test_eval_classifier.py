"""Evaluation of single-label classifiers by the tool: a report, and whose runs."""

import json
import os
import re
import shutil

import keras
import pytest

from selfsup import heads, runs
from selfsup.cli.eval_classifier import TOOL
from selfsup.training.tasks.single_label import SingleLabelConfig

import fakes
import image_files
import tool_calls

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, photos):
    """A workdir of a classifier that has not learned anything."""
    place = tmp_path_factory.mktemp("tools")
    for number, path in enumerate(sorted(photos.glob("*.jpg"))[:6]):
        folder = place / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        image = image_files.photograph(path, (30, 30))
        (folder / path.name).write_bytes(image_files.encoded(image, "PNG"))
    workdir = place / "run"
    workdir.mkdir()
    keras.utils.set_random_seed(0)
    backbone = fakes.network("alexnet", normalization="none")
    model = heads.classifier(backbone, 2, multi_label=False)
    model.save(workdir / "single_label_classifier.keras")
    data = str(place / "data")
    config = SingleLabelConfig(data=data, val_data=data, crop_size=24)
    config = config.resolved(
        {"network": "alexnet", "width": 1.0, "padding": "zeros"}, 24, 1
    )
    runs.write_json(
        workdir / "config.json", {"task": "single_label", **config.to_json()}
    )
    results = {"classes": ["a", "b"], "data_classes": {"a": "a", "b": "b"}}
    runs.write_json(workdir / "results.json", results)
    return workdir


def test_a_workdir_alone_gives_a_table_a_report_and_pictures(workdir):
    answer = tool_calls.call(TOOL, f"--ckpt={workdir}", "--crops=10", "--figures")
    assert answer.code == 0, answer.text
    report = workdir / "evaluation"
    names = {"confusions.png", "mistakes.png", "per_class.png", "results.json"}
    assert names <= set(os.listdir(report))
    results = json.loads((report / "results.json").read_text())
    assert (results["images"], results["crops"]) == (6, 10)
    assert f"{100 * results['accuracy']:.2f}" in answer.text


def test_a_run_of_another_task_is_refused(workdir, tmp_path):
    moved = tmp_path / "run"
    shutil.copytree(workdir, moved)
    path = moved / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "task": "rotation"}))
    answer = tool_calls.call(TOOL, f"--ckpt={moved}")
    assert re.search("names one of single_label. .* with rotation", answer.error_line())
