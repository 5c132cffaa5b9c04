"""A program of the tests on JAX, in a process of its own."""

import os
import pathlib
import subprocess
import sys

_TESTS = pathlib.Path(__file__).resolve().parent


def run(program, *arguments):
    """Runs a program that lies beside this file.

    Args:
        program: Name of its file.
        *arguments: Its arguments.

    Returns:
        What it wrote to the standard output.
    """
    env = dict(
        os.environ,
        KERAS_BACKEND="jax",
        JAX_PLATFORMS="cpu",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # It compiles twice as fast.
        PYTHONPATH=os.pathsep.join([str(_TESTS.parent), str(_TESTS)]),
    )
    command = [sys.executable, str(_TESTS / program), *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
