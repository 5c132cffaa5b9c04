"""The command `selfsup`: which tools there are, and which one runs."""

import ast
import importlib
import importlib.util
import pathlib
import sys

# In the order in which a user meets them.
NAMES = (
    "train_colorizer",
    "pretrain",
    "eval_colorizer",
    "colorize",
    "demo",
    "embed",
    "train_voc",
    "eval_voc",
    "train_classifier",
    "eval_classifier",
    "probe",
    "analyze",
    "reproduce",
    "make_records",
    "import_weights",
    "export_savedmodel",
    "benchmark",
)


def summary(name):
    """Returns the first line of a tool's help, without importing the tool.

    Args:
        name: Name of a tool.
    """
    path = importlib.util.find_spec(f"selfsup.cli.{name}").origin
    text = pathlib.Path(path).read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(text)).splitlines()[0]


def overview():
    """Returns the list of all tools, a line each."""
    width = max(map(len, NAMES))
    lines = ["usage: selfsup NAME [flags]", ""]
    lines += [f"  {name:{width}}  {summary(name)}" for name in NAMES]
    return "\n".join([*lines, "", "selfsup NAME --help lists the flags of a tool."])


def main(argv):
    """Runs a tool by its name and ends the process.

    Args:
        argv: Name of the program, name of the tool, and the tool's arguments.
    """
    name = argv[1] if argv[1:] else "--help"
    if name in ("--help", "-h", "help"):
        sys.stdout.write(overview() + "\n")
        return
    if name not in NAMES:
        sys.stderr.write(
            f"Error: There is no such tool. Expected one of {', '.join(NAMES)}. "
            f"Received: {name}\n"
        )
        sys.exit(1)
    tool = importlib.import_module(f"selfsup.cli.{name}").TOOL
    tool.run([f"selfsup {name}", *argv[2:]])
