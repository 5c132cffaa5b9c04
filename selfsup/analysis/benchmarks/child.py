"""Training steps in processes of their own, whose memory and threads are theirs."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

PROGRAM = (sys.executable, "-m", "selfsup.analysis.benchmarks.step")

# A process says so before every round, which begins when it reads a line.
_READY = json.dumps({"ready": True})

_MEMORY_ERRORS = "RESOURCE_EXHAUSTED", "OutOfMemoryError", "out of memory"


def flags(config, **changes):
    """Returns the flags of `step` that stand for a `StepConfig` and changes of it."""
    values = {**config.to_json(), **changes}
    if values["threads"] is None:
        # Beside a GPU threads start its work and compile.
        values["threads"] = 0 if any(pathlib.Path("/dev").glob("nvidia[0-9]*")) else 1
    return [f"--{name}={value}" for name, value in values.items() if value is not None]


def environment(side, folder=None):
    """Returns the environment of a process.

    Args:
        side: `"keras"` or `"torch"`.
        folder: Folder of compiled code; None keeps none.

    Returns:
        A dict.
    """
    found = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"}
    # Else TensorFlow would take all memory of a GPU, on PyTorch's side too.
    found["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if side == "torch":
        # The same for Keras on JAX.
        found["JAX_PLATFORMS"] = "cpu"
    if folder:
        found |= {
            "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch",
            "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92",
        }
    return found


def run(given, side, seconds=None, folder=None, program=PROGRAM):
    """Runs the program once.

    Args:
        given: Its flags.
        side: `"keras"` or `"torch"`.
        seconds: Most seconds; None for any.
        folder: Folder of compiled code; None keeps none.
        program: The program that is run.

    Returns:
        The dict that it prints last; where it failed, `error` and `out_of_memory`.
    """
    with subprocess.Popen(
        [*program, *given],
        env=environment(side, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Compilers start processes of their own, which must end with it.
        start_new_session=True,
    ) as process:
        try:
            text, errors = process.communicate(timeout=seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return _failed(f"not done after {seconds:.0f} seconds")
    if process.returncode:
        return _failed(errors or f"exit code {process.returncode}")
    return json.loads(text.strip().splitlines()[-1])


def _failed(errors):
    return {
        "error": errors[-3000:],
        "out_of_memory": any(text in errors for text in _MEMORY_ERRORS),
    }


def turns():
    """Yields once for each line of the input, and says before when it is ready."""
    while True:
        sys.stdout.write(_READY + "\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return
        yield


class Turns:
    """A process that does a round whenever it is its turn.

    Args:
        given: Flags of the program.
        side: `"keras"` or `"torch"`.
        program: The program; it prints as `turns` does, and figures in the end.
    """

    def __init__(self, given, side, program=PROGRAM):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*program, *given],
            # Several processes share the memory of a GPU.
            env={**environment(side), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            start_new_session=True,
        )
        self.alive = True

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()

    def wait(self):
        """Waits until it is ready for a round, or has failed."""
        self.alive = any(line.strip() == _READY for line in self.process.stdout)

    def turn(self):
        """Lets it do a round, unless it has failed."""
        if self.alive:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write("\n")
                self.process.stdin.flush()
            self.wait()

    def result(self):
        """Ends it and returns what `run` does."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        lines = self.process.stdout.read().strip().splitlines()
        if not self.process.wait():
            return json.loads(lines[-1])
        self.errors.seek(0)
        return _failed(self.errors.read() or f"exit code {self.process.returncode}")
