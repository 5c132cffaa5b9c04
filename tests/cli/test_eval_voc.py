"""Evaluation on VOC by the tool: a report, and one line for each kind of bad data."""

import json
import os
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selfsup import heads, inference, networks, runs, training
from selfsup.cli.eval_voc import TOOL

import fakes
import tool_calls
import voc_folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, folder):
    """A workdir of a segmenter that has not learned anything."""
    workdir = tmp_path_factory.mktemp("tools") / "run"
    workdir.mkdir()
    backbone = fakes.network("alexnet", normalization="none")
    taps = networks.taps(backbone)
    model = heads.segmenter(backbone, taps, 3, hidden=8, hidden_stddev=0.1)
    model.save(workdir / "segmenter.keras")
    config = training.SegmentationConfig(voc_dir=str(folder.root))
    config = config.resolved(networks.describe(backbone), 448, 11)
    settings = {"task": "segmentation", **config.to_json()}
    runs.write_json(workdir / "config.json", settings)
    runs.write_json(workdir / "results.json", {"classes": list(voc_folders.CLASSES)})
    return workdir


def _size(path):
    with Image.open(path) as image:
        return image.size[::-1]


def test_help_lists_the_contract():
    text = tool_calls.call(TOOL, "--help").text
    for name in "ckpt voc_dir split crops crop_size scales stride output".split():
        assert re.search(rf"^  --{name}: ", text, re.MULTILINE), name
    for name in ("flip", "figures"):
        assert f"  --[no]{name}: " in text
    words = " ".join(text.split())
    assert "Only for segmentation. (default: 1)" in words
    assert "Only for classification. (default: 10)" in words


@pytest.mark.slow
def test_a_workdir_alone_gives_a_table_a_report_and_pictures(workdir, folder):
    answer = tool_calls.call(TOOL, f"--ckpt={workdir}", "--figures")
    assert answer.code == 0, answer.text
    output = workdir / "evaluation"
    assert set(os.listdir(output)) == {
        ".lock",
        "config.json",
        "results.json",
        "predictions.png",
        "per_class.png",
    }
    report = json.loads((output / "results.json").read_text())
    assert report["images"] == 4
    # Every pixel but the frame of void, two pixels wide.
    sizes = [_size(folder.mask(name)) for name in folder.names[10:]]
    assert np.sum(report["confusion"]) == sum((h - 4) * (w - 4) for h, w in sizes)
    lines = [line.split() for line in answer.text.splitlines()]
    assert ["mean", f"{100 * report['mean_iou']:.2f}"] in lines
    assert answer.text.endswith(f"The report is in {output}\n")


def _damage(kind, folder):
    """Spoils a folder's val split; returns what the error must say."""
    name = folder.names[11]
    mask, image = folder.mask(name), folder.image(name)
    height, width = _size(mask)
    listed = folder.root / "ImageSets/Segmentation/val.txt"
    if kind == "mask missing":
        mask.unlink()
        return f"Expected {mask}, as listed in {listed}. Received: 1 of 4 missing"
    if kind == "mask of another size":
        folder.save_mask(name, np.zeros((height, width + 1)))
        return f"Received: ({height}, {width + 1}) in '{mask}'"
    if kind == "index outside":
        folder.save_mask(name, np.full((height, width), 3))
        return f"or 255 for void. Received: 3 in '{mask}'"
    if kind == "mask of RGB":
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(mask)
        return f"Received: '{mask}': Pillow's mode 'RGB'"
    if kind == "mask torn":
        mask.write_bytes(mask.read_bytes()[:60])
        return f"Received: '{mask}': "
    if kind == "image torn":
        image.write_bytes(image.read_bytes()[:60])
        return str(image)
    if kind == "image missing":
        image.unlink()
        return f"Expected {image} (or .jpeg, "
    if kind == "name without image":
        folder.split("val", [*folder.names[10:], "unheard_of"])
        return f"as listed in {listed}. Received: 1 of 5 missing"
    if kind == "split empty":
        folder.split("val", [])
        return f"File {listed} lists no names"
    if kind == "split missing":
        listed.unlink()
        return "Received: 'val'"
    if kind == "names of classes":
        (folder.root / "classes.txt").write_text("background\ndark\nbright\n")
        return f"Received: background, dark, bright in {folder.root}"
    (folder.root / "classes.txt").unlink()
    return f"Expected data of the model's 3 classes. Received: {folder.root} of 21"


@pytest.mark.parametrize(
    "kind",
    [
        "mask missing",
        "mask of another size",
        "index outside",
        "mask of RGB",
        "mask torn",
        "image torn",
        "image missing",
        "name without image",
        "split empty",
        "split missing",
        "names of classes",
        "number of classes",
    ],
)
def test_bad_data_take_one_line_that_names_the_file(
    kind, workdir, folder, tmp_path, monkeypatch
):
    # What is predicted does not matter where a mask cannot be read.
    monkeypatch.setattr(
        inference,
        "class_map_predictor",
        lambda *args: lambda image: tf.zeros(image.shape[:2], tf.uint8),
    )
    folder = folder.copy(tmp_path / "VOC")
    message = _damage(kind, folder)
    flags = [f"--voc_dir={folder.root}", f"--output={tmp_path}/report"]
    answer = tool_calls.call(TOOL, f"--ckpt={workdir}", *flags)
    assert message in answer.error_line()
    assert not (tmp_path / "report" / "results.json").exists()


@pytest.mark.parametrize(
    "flag, message",
    [
        ("--stride=3", "1, 2, 4. Received: stride=3"),
        ("--scales=big", "Received: scales='big'"),
        ("--crops=fixed", "Expected fields of Segmentation.* Received: crops$"),
        ("--points=3", "Received: --points"),
        ("val", "Expected flags only. Received: 'val'"),
    ],
)
def test_bad_flags_take_one_line(flag, message, workdir):
    answer = tool_calls.call(TOOL, f"--ckpt={workdir}", flag)
    assert re.search(message, answer.error_line())


def test_a_model_must_be_given():
    assert "Flag --ckpt is missing" in tool_calls.call(TOOL).error_line()


@pytest.mark.parametrize("name", ["torn", "text", "missing", "alone"])
def test_bad_files_take_one_line(name, workdir, folder, tmp_path):
    path, data = tmp_path / f"{name}.keras", f"--voc_dir={folder.root}"
    content = (workdir / "segmenter.keras").read_bytes()
    if name == "torn":
        path.write_bytes(content[: len(content) // 2])
    elif name == "text":
        path.write_text("text")
    elif name == "alone":
        shutil.copy(workdir / "segmenter.keras", path)
        data = "--voc_dir=/no/where"
    message = {
        "torn": f"Received: {path}",
        "text": f"Received: {path}",
        "missing": f"Received: {path}",
        "alone": "Received: '/no/where'",
    }[name]
    assert message in tool_calls.call(TOOL, f"--ckpt={path}", data).error_line()


def test_models_of_another_kind_take_one_line(tmp_path):
    backbone = fakes.network("alexnet", normalization="none")
    model = heads.colorizer(backbone, networks.taps(backbone)[-1:], 4, hidden=4)
    model.save(tmp_path / "colorizer.keras")
    for path, message in (
        (tmp_path, f"Received: {tmp_path} with colorizer.keras"),
        (
            tmp_path / "colorizer.keras",
            "Expected a segmenter or classifier. "
            f"Received: {tmp_path}/colorizer.keras, a colorizer",
        ),
    ):
        line = tool_calls.call(TOOL, f"--ckpt={path}", "--voc_dir=VOC").error_line()
        assert message in line


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"task": "detection"}', "Expected .* segmentation. Received: .*detection"),
        ('{"task": "segmentation", "hue": 1}', "are unknown.*Received: hue$"),
        ("{", "Expected JSON"),
        ("[1]", "Expected a JSON object"),
    ],
    ids=["task", "field", "JSON", "list"],
)
def test_bad_settings_take_one_line(content, message, workdir, tmp_path):
    shutil.copy(workdir / "segmenter.keras", tmp_path)
    (tmp_path / "config.json").write_text(content)
    line = tool_calls.call(TOOL, f"--ckpt={tmp_path}").error_line()
    assert re.search(message, line)
