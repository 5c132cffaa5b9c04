"""Calls of the tools as a user makes them."""

import json
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"

# One call after the other in one process, because TensorFlow takes long to start.
_CALLS = """
import contextlib, importlib.util, io, json, pathlib, sys, traceback
path, output, prelude = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(path).parent))
spec = importlib.util.spec_from_file_location("tool", path)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
from absl import flags
exec(prelude)
answers = []
for arguments in json.load(sys.stdin):
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    sys.argv = [path, *arguments]
    code = 0
    with contextlib.redirect_stderr(io.StringIO()) as screen:
        try:
            tool._app.run(tool.main)
        except SystemExit as error:
            code = error.code or 0
        except BaseException:
            code = -1
            traceback.print_exc()
    answers.append((code, screen.getvalue()))
pathlib.Path(output).write_text(json.dumps(answers))
"""


class Answer(NamedTuple):
    """What a call of a tool came to.

    Attributes:
        code: Exit code.
        text: What it wrote to the standard error.
    """

    code: int
    text: str

    def error_line(self):
        """The single line of an error, without progress bars before it."""
        assert self.code == 1, self.text
        assert "Traceback" not in self.text
        lines = self.text.strip().splitlines()
        assert [line for line in lines if "Error: " in line] == lines[-1:]
        return lines[-1][lines[-1].index("Error: ") :]


def call(tool, *arguments):
    """Calls a tool in a process of its own.

    Args:
        tool: Name of its file.
        *arguments: What stands behind it on the command line.

    Returns:
        An `Answer`; the standard output is part of its text.
    """
    # As a user's shell has it: the tests' own setting would win over the tool's.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, str(TOOLS / tool), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
    )
    return Answer(done.returncode, done.stdout + done.stderr)


def call_each(tool, calls, tmp_path, prelude=""):
    """Calls a tool several times in one process.

    Args:
        tool: Name of its file.
        calls: List of the arguments of each call.
        tmp_path: Path of a folder to write to.
        prelude: Python code that runs first.

    Returns:
        A list of `Answer`.
    """
    output = tmp_path / "answers.json"
    done = subprocess.run(
        [sys.executable, "-c", _CALLS, str(TOOLS / tool), str(output), prelude],
        input=json.dumps([[str(x) for x in arguments] for arguments in calls]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [Answer(*answer) for answer in json.loads(output.read_text())]
