"""The first signal stops a program where it may, the second one at once."""

import os
import signal
import subprocess
import sys

import pytest

from selfsup import stopping
from selfsup.progress import progress_bar

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _send(number):
    os.kill(os.getpid(), number)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_the_block_and_gives_the_exit_code(number):
    before = signal.getsignal(number)
    with stopping.handled():
        assert stopping.exit_code() is None
        with pytest.raises(stopping.Stopped):
            _send(number)
        assert stopping.exit_code() == 128 + number
    assert signal.getsignal(number) is before


def test_a_deferred_signal_waits_for_the_check():
    done = []
    with stopping.handled(), stopping.deferred():
        stopping.check()
        _send(signal.SIGTERM)
        done.append("the step")
        with pytest.raises(stopping.Stopped):
            stopping.check()
    assert done == ["the step"]


def test_a_progress_bar_ends_between_two_items():
    seen = []
    with stopping.handled(), stopping.deferred(), pytest.raises(stopping.Stopped):
        for item in progress_bar(range(5), disable=True):
            seen.append(item)
            if item == 2:
                _send(signal.SIGINT)
    assert seen == [0, 1, 2]


def test_an_ignored_signal_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.handled():
            _send(signal.SIGHUP)
            assert stopping.exit_code() is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("block", ["deferred()", "shared()", "delivered()"])
def test_the_second_signal_that_arrives_ends_the_process_at_once(block):
    # The module alone, without the package: no Keras is imported.
    program = f"""
import contextlib, importlib.util, os, signal
spec = importlib.util.spec_from_file_location("stopping", {stopping.__file__!r})
stopping = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stopping)

@contextlib.contextmanager
def delivered():
    # Another worker got one a moment before, and told this one.
    with stopping.deferred():
        stopping.deliver(signal.SIGTERM)
        yield

stopping.delivered = delivered
with stopping.handled(), stopping.{block}:
    os.kill(os.getpid(), signal.SIGTERM)
    print("first", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("second", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (143, "first\n")
