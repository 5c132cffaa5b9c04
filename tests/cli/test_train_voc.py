"""The tool of downstream training: flags of both tasks, a table, one-line errors."""

import re

import pytest

from selfsup import runs, training
from selfsup.cli.train_voc import TOOL

import tool_calls
import voc_folders

RESULTS = {
    "map_11point": 0.75,
    "ap_11point": {"cat": 1.0, "dog": 0.5},
    "map_area": 0.7,
    "ap_area": {"cat": 1.0, "dog": 0.4},
}
TINY = "--network=alexnet --width=0.015625 --crop_size=64 --max_steps=1".split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


@pytest.fixture
def trained(monkeypatch):
    """What was trained with which settings, instead of training."""
    calls = []
    monkeypatch.setattr(
        training, "train", lambda *args: calls.append(args) or dict(RESULTS)
    )
    return calls


def test_help_lists_the_contract():
    text = tool_calls.call(TOOL, "--help").text
    for name in (
        "task voc_dir sbd_dir init network width padding train_split val_split "
        "fov_blocks trainable crop_size batch_size learning_rate max_steps "
        "eval_every patience min_steps workdir seed config"
    ).split():
        assert re.search(rf"^  --{name}: ", text, re.MULTILINE), name
    for name in ("color", "retrain_on_all", "overwrite", "deterministic"):
        assert re.search(rf"^  --\[no\]{name}: ", text, re.MULTILINE), name
    words = " ".join(text.split())
    assert "(default: 10 segmentation; 16 classification)" in words
    assert "Only for segmentation. (default: 128)" in words


@pytest.mark.parametrize(
    "name, config_class",
    [
        ("segmentation", training.SegmentationConfig),
        ("classification", training.ClassificationConfig),
    ],
)
def test_each_task_has_its_own_defaults(name, config_class, trained):
    flags = [f"--task={name}", "--voc_dir=VOC", "--seed=3", "--retrain_on_all"]
    assert tool_calls.call(TOOL, *flags, "--workdir=w", "--overwrite").code == 0
    ((task, *rest),) = trained
    expected = config_class(voc_dir="VOC", seed=3, retrain_on_all=True)
    assert (task.name, task.config) == (name, expected)
    assert rest == ["w", True]


def test_segmentation_is_the_default_and_so_is_a_workdir(trained):
    tool_calls.call(TOOL, "--voc_dir=VOC")
    ((task, workdir, _),) = trained
    assert (task.name, workdir) == ("segmentation", "runs/voc")


def test_a_table_is_shown(trained):
    answer = tool_calls.call(TOOL, "--voc_dir=VOC", "--workdir=w")
    lines = [line.split() for line in answer.text.splitlines()]
    assert ["ap_11point", "ap_area"] in lines
    assert ["mean", "75.00", "70.00"] in lines
    assert answer.text.endswith("Look at w/curves.png\n")


def test_a_settings_file_is_taken_and_flags_win(trained, tmp_path):
    config = training.ClassificationConfig(voc_dir="VOC", max_steps=5, seed=3)
    path = tmp_path / "config.json"
    runs.write_json(path, {"task": "classification", **config.to_json()})
    flags = ["--task=classification", f"--config={path}", "--seed=4"]
    assert tool_calls.call(TOOL, *flags).code == 0
    expected = training.ClassificationConfig(voc_dir="VOC", max_steps=5, seed=4)
    assert trained[0][0].config == expected


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--task=classification", "--points=3"], "Received: --points$"),
        (["--task=classification", "--hidden=3", "--sbd_dir=x"], "hidden, --sbd_dir$"),
        (["--task=detection"], "classification. Received: task='detection'"),
        (["--crops=fixed"], "Received: --crops"),
        (["--width=20"], "Received: width=20"),
        (["--val_split=none", "photos"], "Expected flags only. Received: 'photos'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_flags_take_one_line(arguments, message, trained):
    answer = tool_calls.call(TOOL, "--voc_dir=VOC", *arguments)
    assert re.search(message, answer.error_line())
    assert not trained


def test_a_folder_must_be_given(trained):
    line = tool_calls.call(TOOL).error_line()
    assert "layout of VOC. Received: voc_dir=''" in line


def test_bad_input_takes_one_line(folder, tmp_path):
    data, torn = f"--voc_dir={folder.root}", tmp_path / "torn.keras"
    torn.write_bytes(b"PK")
    init = ["--network=alexnet", "--crop_size=64"]
    for arguments, message in (
        ([*TINY, "--voc_dir=/no/where"], "Received: '/no/where'"),
        ([*init, data, "--init=/no/where"], "Expected a workdir with backbone.keras"),
        ([*init, data, f"--init={torn}"], f"Received: {torn}"),
        ([*TINY, data, "--trainable=conv7"], "Received: --trainable conv7"),
        ([*TINY, data, "--train_split=missing"], "Received: 'missing'"),
        ([*TINY, data, "--accumulation=3"], "Received: accumulation=3"),
    ):
        answer = tool_calls.call(TOOL, f"--workdir={tmp_path}/run", *arguments)
        assert message in answer.error_line(), arguments
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "content, message",
    [
        ('{"task": "classification"}', "task .there 'classification', now 'segm"),
        ('{"task": "segmentation", "hue": 3}', "are unknown.*Received: hue$"),
        ("{", "Expected JSON"),
        ("[1]", "Expected a JSON object"),
    ],
    ids=["task", "field", "JSON", "list"],
)
def test_bad_workdirs_take_one_line(content, message, folder, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.json").write_text(content)
    data = f"--voc_dir={folder.root}"
    answer = tool_calls.call(TOOL, f"--workdir={tmp_path}", data, *TINY)
    assert re.search(message, answer.error_line())
    assert (tmp_path / "config.json").read_text() == content
