"""Masks of `.mat` files, read in other processes, which damaged files may crash."""

import atexit
import contextlib
import json
import math
import os
import pathlib
import queue
import signal
import subprocess
import sys

import numpy as np

_WORKER = pathlib.Path(__file__).with_name("mat_worker.py")

# Workers that wait for a file; there are as many as ever read at the same time.
_idle = queue.LifoQueue()


def read(path):
    """Reads the classes' mask of the Semantic Boundaries Dataset.

    Args:
        path: Path of the file.

    Returns:
        `[H, W]`, uint8.

    Raises:
        ValueError: If it can't be read.
    """
    worker = _taken()
    try:
        answer, content = _ask(worker, path)
    except BaseException:
        _stop(worker)
        raise
    _idle.put(worker)
    if "error" in answer:
        raise ValueError(answer["error"])
    return np.frombuffer(content, np.uint8).reshape(answer["shape"])


def _taken():
    with contextlib.suppress(queue.Empty):
        while True:
            worker = _idle.get_nowait()
            if worker.poll() is None:
                return worker
            # Killed while it waited, as when memory ran out: no file's fault.
            _stop(worker)
    return subprocess.Popen(
        # Without the script's folder among those of modules.
        [sys.executable, "-P", _WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        # An interrupt from the terminal is for the run, which ends its step.
        start_new_session=True,
    )


def _ask(worker, path):
    with contextlib.suppress(BrokenPipeError):
        worker.stdin.write(json.dumps(os.path.abspath(path)).encode() + b"\n")
        worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        code = worker.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise ValueError(f"SciPy crashed on it ({how})")
    answer = json.loads(line)
    size = math.prod(answer.get("shape", (0,)))
    return answer, worker.stdout.read(size)


def _stop(worker):
    worker.kill()
    worker.wait()
    with contextlib.suppress(BrokenPipeError):
        worker.stdin.close()  # May hold what it never read.
    worker.stdout.close()


@atexit.register
def close():
    """Ends all workers; the next file starts one."""
    while not _idle.empty():
        _stop(_idle.get())
