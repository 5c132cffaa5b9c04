"""The command `selfsup NAME`, and what the files in `tools/` call.

A module beside the package: importing the package takes seconds, in which a signal
would end in a traceback.
"""

import importlib
import os
import signal
import sys
import warnings


def _require_tensorflow():
    try:
        # First, as it keeps the greeting away.
        importlib.import_module("selfsup")
        import keras

        backend = keras.config.backend()
    except (AssertionError, ImportError, ValueError) as error:
        # Of other work's settings: not installed, or unknown.
        backend = f"{os.environ.get('KERAS_BACKEND', '')} ({error})".strip()
    if backend != "tensorflow":
        sys.exit(
            "Error: Keras runs on another backend. Expected the TensorFlow backend. "
            f"Received: {' '.join(backend.split())}, from KERAS_BACKEND or keras.json"
        )


def end_on_signals():
    """Lets signals end the process in a line until a tool begins.

    Then they are those of `selfsup.stopping`.
    """
    # The package takes the screen away while it imports TensorFlow.
    screen = os.dup(sys.stderr.fileno())

    def end(number, frame):
        del frame
        os.write(screen, b"Stopped before anything was done.\n")
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def main(argv=None):
    """Runs a tool by its name and ends the process.

    Args:
        argv: Name of the program, name of the tool, and the tool's arguments; None for
            those of the process.
    """
    end_on_signals()
    # Of TensorFlow errors alone. What OpenCV and Pillow write of damaged files the
    # tools say in lines of their own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    warnings.filterwarnings("ignore", module="PIL")
    _require_tensorflow()
    from selfsup.cli import command

    command.main(sys.argv if argv is None else argv)


def tool(name):
    """Runs a tool with the arguments of the process and ends the process."""
    main([sys.argv[0], name, *sys.argv[1:]])


if __name__ == "__main__":
    main()
