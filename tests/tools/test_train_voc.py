"""Downstream training from outside: help, a run, errors in one line."""

import json
import os

import pytest

import tool_calls
import voc_folders

TINY = (
    "--task=classification --network=alexnet --width=0.015625 --crop_size=64 "
    "--batch_size=4 --max_steps=2 --eval_every=1 --log_every=1"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


@pytest.fixture(scope="module")
def first(tmp_path_factory, folder):
    """A workdir, and what the tool said."""
    workdir = tmp_path_factory.mktemp("tools") / "run"
    answer = tool_calls.call(
        "train_voc.py",
        f"--workdir={workdir}",
        f"--voc_dir={folder.root}",
        *TINY.split(),
    )
    return workdir, answer


def test_a_run_leaves_its_results_and_a_table(first):
    workdir, answer = first
    assert answer.code == 0, answer.text
    results = json.loads((workdir / "results.json").read_text())
    lines = [line.split() for line in answer.text.splitlines()]
    assert ["ap_11point", "ap_area"] in lines
    means = [f"{100 * results[name]:.2f}" for name in ("map_11point", "map_area")]
    assert ["mean", *means] in lines
    assert f"Look at {workdir}/curves.png" in answer.text
    assert "classification from random: alexnet of width 0.015625" in answer.text
    assert {"classifier.keras", "backbone.keras", "curves.png"} <= set(
        os.listdir(workdir)
    )
    # TensorFlow's greetings stay away.
    assert "oneDNN" not in answer.text and "cuda" not in answer.text.lower()


def test_errors_are_told_in_one_line(first, folder, tmp_path):
    workdir, _ = first
    data = f"--voc_dir={folder.root}"
    new = f"--workdir={tmp_path}/run"
    torn = tmp_path / "torn.keras"
    torn.write_bytes(b"PK")
    cases = [
        ([], "Field `voc_dir` must be a folder in the layout of VOC. Received: "),
        (["--voc_dir=/no/where"], "Received: '/no/where'"),
        ([data, "--task=detection"], "one of segmentation, classification. Received"),
        ([data, "--width=20"], "Received: width=20"),
        (
            [data, "--init=/no/where"],
            "There is no trained model. Expected a workdir with",
        ),
        ([data, f"--init={torn}"], f"Received: {torn}"),
        ([data, "--trainable=conv9"], "Received: --trainable conv9"),
        ([data, "--train_split=missing"], "Received: 'missing'"),
        ([data, "photos"], "Expected flags only. Received: 'photos'"),
        (
            [data, f"--workdir={workdir}", "--seed=4"],
            "holds a run with other settings. Expected the same ones to resume, "
            "another --workdir, or --overwrite. Received: seed (there 0, now 4)",
        ),
    ]
    calls = [[new, *TINY.split(), *arguments] for arguments, _ in cases]
    answers = tool_calls.call_each("train_voc.py", calls, tmp_path)
    for answer, (arguments, message) in zip(answers, cases, strict=True):
        assert message in answer.error_line(), arguments
    assert not (tmp_path / "run").exists()


def test_help_lists_the_contract():
    text = tool_calls.call("train_voc.py", "--help").text
    for name in (
        "task voc_dir sbd_dir init network width padding train_split val_split "
        "fov_blocks trainable color crop_size batch_size learning_rate max_steps "
        "eval_every retrain_on_all workdir seed overwrite"
    ).split():
        assert f"--{name}:" in text or f"--[no]{name}:" in text, name
    for name in ("color", "retrain_on_all", "overwrite", "deterministic"):
        assert f"--[no]{name}:" in text
