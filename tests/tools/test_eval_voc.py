"""Evaluation on VOC from outside: a report, help, and errors in one line."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from selfsup import heads, networks, training
from selfsup.runs import to_json, write_json

import fakes
import tool_calls
import voc_folders

# What is predicted does not matter where a mask cannot be read.
_NO_PREDICTION = """
import tensorflow as tf
from selfsup import inference
inference.class_map_predictor = lambda *args: (
    lambda image: tf.zeros(image.shape[:2], tf.uint8))
"""


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
    config = training.VocConfig.for_task(voc_dir=str(folder.root)).resolved(backbone)
    write_json(workdir / "config.json", to_json(config))
    write_json(workdir / "results.json", {"classes": list(voc_folders.CLASSES)})
    return workdir


def test_a_workdir_alone_gives_a_table_a_report_and_pictures(workdir, folder):
    answer = tool_calls.call("eval_voc.py", f"--ckpt={workdir}", "--figures")
    assert answer.code == 0, answer.text
    output = workdir / "evaluation"
    assert set(os.listdir(output)) == {
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
    assert f"The report is in {output}" in answer.text
    assert "oneDNN" not in answer.text and "cuda" not in answer.text.lower()


def _size(path):
    with Image.open(path) as image:
        return image.size[::-1]


def test_help_lists_the_contract():
    text = tool_calls.call("eval_voc.py", "--help").text
    for name in "ckpt voc_dir split crops crop_size scales stride output".split():
        assert f"--{name}:" in text, name
    for name in ("flip", "figures"):
        assert f"--[no]{name}:" in text


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
        return f"Received: Pillow's mode 'RGB' in '{mask}'"
    if kind == "mask torn":
        mask.write_bytes(mask.read_bytes()[:60])
        return f"Expected a readable PNG file. Received: '{mask}'"
    if kind == "image torn":
        image.write_bytes(image.read_bytes()[:60])
        return str(image)
    if kind == "image missing":
        image.unlink()
        return f"Expected {image} or "
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


_DAMAGES = (
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
)


def test_bad_data_are_told_in_one_line_that_names_the_file(workdir, folder, tmp_path):
    calls, messages = [], []
    for number, kind in enumerate(_DAMAGES):
        copy = folder.copy(tmp_path / f"VOC{number}")
        messages.append(_damage(kind, copy))
        output = f"--output={tmp_path}/report"
        calls.append([f"--ckpt={workdir}", f"--voc_dir={copy.root}", output])
    answers = tool_calls.call_each("eval_voc.py", calls, tmp_path, _NO_PREDICTION)
    for kind, answer, message in zip(_DAMAGES, answers, messages, strict=True):
        assert message in answer.error_line(), (kind, answer.text)
    assert not (tmp_path / "report" / "results.json").exists()


def test_bad_models_and_flags_are_told_in_one_line(workdir, folder, tmp_path):
    content = (workdir / "segmenter.keras").read_bytes()
    torn, text = tmp_path / "torn.keras", tmp_path / "text.keras"
    torn.write_bytes(content[: len(content) // 2])
    text.write_text("text")
    colorizer = tmp_path / "colorizer"
    colorizer.mkdir()
    backbone = fakes.network("alexnet", normalization="none")
    model = heads.colorizer(backbone, networks.taps(backbone), bins=4, hidden=8)
    model.save(colorizer / "colorizer.keras")
    alone = shutil.copy(workdir / "segmenter.keras", tmp_path / "alone.keras")
    data = f"--voc_dir={folder.root}"
    cases = [
        ([f"--ckpt={torn}", data], f"Expected a whole .keras file. Received: {torn}"),
        ([f"--ckpt={text}", data], f"Expected a whole .keras file. Received: {text}"),
        ([f"--ckpt={colorizer}", data], f"Received: {colorizer} with colorizer.keras"),
        (
            [f"--ckpt={colorizer}/colorizer.keras", data],
            f"no segmenter or classifier. Expected the output classes. Received: "
            f"{colorizer}/colorizer.keras",
        ),
        (["--ckpt=/no/where", data], "Received: /no/where"),
        ([f"--ckpt={alone}"], "Expected --voc_dir. Received: none"),
        ([f"--ckpt={alone}", "--voc_dir=/no/where"], "Received: '/no/where'"),
        ([f"--ckpt={workdir}", "--stride=3"], "1, 2 or 4. Received: stride=3"),
        ([f"--ckpt={workdir}", "--scales=big"], "Received: scales='big'"),
        ([f"--ckpt={workdir}", "--crops=all"], "or fixed. Received: crops='all'"),
        ([f"--ckpt={workdir}", "val"], "Expected flags only. Received: 'val'"),
    ]
    calls = [arguments for arguments, _ in cases]
    answers = tool_calls.call_each("eval_voc.py", calls, tmp_path)
    for answer, (arguments, message) in zip(answers, cases, strict=True):
        assert message in answer.error_line(), arguments
