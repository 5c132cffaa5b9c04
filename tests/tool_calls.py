"""Calls of the command-line tools, in this process or in one of their own."""

import contextlib
import io
import logging
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

from absl import logging as absl_logging

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"


class Answer(NamedTuple):
    """What a call of a tool came to.

    Attributes:
        code: Exit code.
        text: What it wrote to the screen.
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
    """Calls a tool in this process.

    Args:
        tool: A `selfsup.cli.app.Tool`.
        *arguments: What stands behind its name on the command line.

    Returns:
        An `Answer`.
    """
    code = 0
    with _screen() as screen:
        try:
            tool.run(["tool", *map(str, arguments)])
        except SystemExit as error:
            code = error.code or 0
    return Answer(code, screen.getvalue())


@contextlib.contextmanager
def _screen():
    """Catches what is printed and logged, and leaves logging as it was."""
    screen, root = io.StringIO(), logging.getLogger()
    logger = absl_logging.get_absl_logger()
    handler = absl_logging.get_absl_handler().python_handler
    before = root.handlers[:], logger.level, logger.filters[:], handler.stream
    handler.stream = screen
    try:
        with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
            yield screen
    finally:
        root.handlers[:], logger.level, logger.filters[:], handler.stream = before


def call_process(tool, *arguments):
    """Calls a tool as a user's shell does, in a process of its own.

    Args:
        tool: Name of its file.
        *arguments: As in `call`.

    Returns:
        An `Answer`.
    """
    # The tests' own setting would win over the tool's.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, str(TOOLS / tool), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
    )
    return Answer(done.returncode, done.stdout + done.stderr)
