"""Imports TensorFlow and Keras without their dozen lines of greeting; ends quietly.

Some of them are written before it reads its own setting. A signal in these seconds ends
the process; later ones are those of `selfsup.stopping`.
"""

import os
import signal
import sys


def _end(number, frame):
    del frame
    sys.stderr.write("Stopped before anything was done.\n")
    sys.stderr.flush()
    os._exit(128 + number)


for _number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_number, _end)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.stderr.flush()
_screen, _nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 2)
try:
    # TensorFlow imports Keras too.
    import keras
    import tensorflow  # noqa: F401

    _backend = keras.config.backend()
except (AssertionError, ImportError, ValueError) as _error:
    # Of other work's settings: not installed, or unknown.
    _backend = f"{os.environ.get('KERAS_BACKEND', '')} ({_error})".strip()
finally:
    os.dup2(_screen, 2)
    os.close(_nowhere)
    os.close(_screen)

if _backend != "tensorflow":
    sys.exit(
        "Error: Keras runs on another backend. Expected the TensorFlow backend. "
        f"Received: {' '.join(_backend.split())}, from KERAS_BACKEND or keras.json"
    )
