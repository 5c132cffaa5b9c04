"""The tools' files are a few lines over `selfsup.cli`, and one runs from outside."""

import ast
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from selfsup.cli import command, help_text

import tool_calls

FILES = sorted(tool_calls.TOOLS.glob("*.py"))


def test_every_tool_has_a_file():
    assert {path.stem for path in FILES} == set(command.NAMES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_tool_is_three_lines_over_its_module(path):
    tree = ast.parse(path.read_text())
    document, start, call = tree.body
    assert ast.get_docstring(tree)
    # Before anything that imports TensorFlow.
    assert ast.unparse(start) == "import selfsup_command"
    assert ast.unparse(call).split("\n") == [
        "if __name__ == '__main__':",
        f"    selfsup_command.tool('{path.stem}')",
    ]


@pytest.mark.slow
def test_the_package_is_a_program_too():
    done = subprocess.run(
        [sys.executable, "-m", "selfsup"], capture_output=True, text=True, check=True
    )
    assert done.stdout == command.overview() + "\n"
    assert not done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "program", [["-m", "selfsup"], [str(tool_calls.TOOLS / "colorize.py")]]
)
def test_a_signal_while_keras_is_imported_takes_one_line(program, number, tmp_path):
    """Beside another Keras, whose import takes no time and sends the signal."""
    (tmp_path / "keras.py").write_text(
        "import os\n"
        # TensorFlow reads it when it is imported.
        "assert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '3'\n"
        f"os.kill(os.getpid(), {number})\n"
    )
    root = str(tool_calls.TOOLS.parent)
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), root])
    done = subprocess.run(
        [sys.executable, *program, "--help"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == "Stopped before anything was done.\n"
    assert done.returncode == 128 + number


def test_lines_about_damaged_photographs_are_said_once_and_those_of_a_crash_stay():
    program = """
import os, sys, selfsup_command
selfsup_command.take_screen()
for i in range(3):
    os.write(2, b"Corrupt JPEG data: %d extraneous bytes before marker 0xd9\\n" % i)
    os.write(2, b"another\\n")
sys.stderr.write("of Python\\n")
os.write(2, b"the last")
os.abort()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tool_calls.TOOLS.parent,
        capture_output=True,
        text=True,
    )
    lines = done.stderr.splitlines()
    lines.remove("of Python")
    assert lines[0].endswith("Corrupt JPEG data: 0 extraneous bytes before marker 0xd9")
    assert lines[0].startswith("A damaged JPEG was read as far as it goes (said once)")
    assert lines[1:] == [*["another"] * 3, "the last"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_flag_that_is_a_path_says_so(path):
    tool = importlib.import_module(f"selfsup.cli.{path.stem}").TOOL
    fields = {
        name: field.metadata["path"]
        for name, field in help_text.fields(tool.options, tool.configs).items()
    }
    expected = set(fields) & {
        *("after", "before", "ckpt", "config", "data", "init", "labeled_data"),
        *("output", "page", "probe_data", "projector", "results", "sbd_dir", "source"),
        *("val_data", "voc2007_dir", "voc_dir", "workdir"),
    }
    assert {name for name, is_path in fields.items() if is_path} == expected


@pytest.mark.slow
def test_a_run_from_a_shell(tmp_path, photos):
    (tmp_path / "photos").mkdir()
    for path in sorted(photos.glob("*.jpg"))[::8]:
        shutil.copy(path, tmp_path / "photos")
    # Its pixels end early, which TensorFlow says at each decoding.
    content = path.read_bytes()
    half = len(content) // 2
    damaged = tmp_path / "photos" / path.name
    damaged.write_bytes(content[:half] + content[-2:])
    flags = (
        "--network=alexnet --width=0.03 --hidden=8 --crop_size=32 --points=16 "
        "--batch_size=4 --steps=2 --val_fraction=0.2"
    )
    workdir = tmp_path / "run"
    answer = tool_calls.call_process(
        "train_colorizer.py",
        f"--workdir={workdir}",
        f"--data={tmp_path}/photos",
        *flags.split(),
    )
    assert answer.code == 0, answer.text
    lines = answer.text.splitlines()
    assert lines[0] == "Building the network"
    assert lines[1].startswith("colorization from random: alexnet of width 0.03; ")
    assert any(re.match("hue: .* held out, .* baseline$", line) for line in lines)
    assert lines[-1] == f"Look at {workdir}"
    assert answer.text.count("premature end of data segment") == 1
    # TensorFlow's greetings stay away.
    for word in ("oneDNN", "cuda", "absl::InitializeLog"):
        assert word.lower() not in answer.text.lower()
    assert {"colorizer.keras", "samples.png", "curves.png"} <= set(os.listdir(workdir))
    results = json.loads((workdir / "results.json").read_text())
    assert results["images"] + results["held_out_images"] == 6
