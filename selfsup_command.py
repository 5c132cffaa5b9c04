"""The command `selfsup NAME`, and what the files in `tools/` call.

A module beside the package: importing the package takes seconds, in which a signal
would end in a traceback.
"""

import functools
import importlib
import os
import signal
import subprocess
import sys
import warnings

# What libjpeg says of a damaged photograph, at each of its decodings. A program of its
# own passes on all other lines: the last ones of a crash would be lost with a thread.
_FILTER = r"""
import re, sys
said = set()
for line in sys.stdin.buffer:
    if re.match(rb"Corrupt JPEG data|Premature end of JPEG file", line):
        kind = re.sub(rb"\d+|0x\w+", b"", line)
        if kind in said:
            continue
        said.add(kind)
        line = b"A damaged JPEG was read as far as it goes (said once): " + line
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()
"""


# Of tools of which at least a part runs on another backend too.
_BACKENDS = {"benchmark": ("tensorflow", "jax")}


def _require_backend(name):
    """Refuses a backend that a tool does not run on, or that cannot be imported."""
    try:
        # First, as it keeps the greeting away.
        importlib.import_module("selfsup")
        import keras

        backend = keras.config.backend()
    except (AssertionError, ImportError, ValueError) as error:
        # Of other work's settings: not installed, or unknown.
        backend = f"{os.environ.get('KERAS_BACKEND', '')} ({error})".strip()
    if backend not in _BACKENDS.get(name, ("tensorflow",)):
        sys.exit(
            "Error: Keras runs on another backend. Expected the TensorFlow backend. "
            f"Received: {' '.join(backend.split())}, from KERAS_BACKEND or keras.json"
        )


@functools.cache
def take_screen():
    """Keeps the screen clear: of what libraries say, and of a signal's traceback.

    Until a tool begins a signal ends the process in a line; then signals are those of
    `selfsup.stopping`.
    """
    # Of TensorFlow errors alone. What OpenCV and Pillow write of damaged files the
    # tools say in lines of their own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    warnings.filterwarnings("ignore", module="PIL")
    # The package takes the screen away while it imports TensorFlow.
    screen = os.dup(sys.stderr.fileno())

    def end(number, frame):
        del frame
        os.write(screen, b"Stopped before anything was done.\n")
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        # In a session of its own, as it goes on until this process has ended.
        lines = subprocess.Popen(
            [sys.executable, "-IS", "-c", _FILTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=screen,
            start_new_session=True,
        )
    except OSError:
        # No more processes; the lines are repeated then.
        return
    sys.stderr = os.fdopen(screen, "w", buffering=1, errors="backslashreplace")
    os.dup2(lines.stdin.fileno(), 2)
    lines.stdin.close()


def main(argv=None):
    """Runs a tool by its name and ends the process.

    Args:
        argv: Name of the program, name of the tool, and the tool's arguments; None for
            those of the process.
    """
    take_screen()
    argv = sys.argv if argv is None else argv
    _require_backend("".join(argv[1:2]))
    from selfsup.cli import command

    command.main(argv)


def tool(name):
    """Runs a tool with the arguments of the process and ends the process."""
    main([sys.argv[0], name, *sys.argv[1:]])


if __name__ == "__main__":
    main()
