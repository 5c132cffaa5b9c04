"""Ending a program on SIGINT, SIGTERM or SIGHUP without losing what was done.

The first signal raises `Stopped` where the program is, or where it next calls `check`
if it is in a part that must not be interrupted. The second one ends the process. One
that another process got and that was delivered here does not count as the first.
"""

import contextlib
import os
import signal

SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP.
]

# A signal reaches the process, so what is known of it belongs to the process too.
_NEW = {"signal": None, "received": False, "deferred": 0, "shared": False, "pending": 0}
_state = dict(_NEW)


class Stopped(KeyboardInterrupt):
    """The program was asked to stop. Its text says what was done, or is empty."""


@contextlib.contextmanager
def handled():
    """Lets signals stop the program within this block as the module describes.

    Signals that are ignored stay so, such as SIGHUP under `nohup`. Must be entered in
    the main thread.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _state.update(_NEW)
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _state["signal"] = None


def _handle(number, frame):
    del frame
    if _state["received"]:
        os._exit(128 + number)
    _state["received"] = True
    if _state["signal"] is not None:
        return  # Another process got it first, and this one is already ending.
    if _state["shared"]:
        _state["pending"] = number
        return
    _state["signal"] = number
    if not _state["deferred"]:
        raise Stopped


@contextlib.contextmanager
def deferred():
    """Lets signals wait for `check` within this block."""
    _state["deferred"] += 1
    try:
        yield
    finally:
        _state["deferred"] -= 1


@contextlib.contextmanager
def shared():
    """Lets signals wait for `deliver` within this block: other processes stop too."""
    _state["shared"] = True
    try:
        yield
    finally:
        _state["shared"] = False
        deliver(_state["pending"])


def pending():
    """Returns the signal that waits for `deliver`, 0 without one."""
    return _state["pending"]


def deliver(number):
    """Acts as if a signal had arrived now, in this process or in another one.

    Args:
        number: The signal; nothing happens for 0.
    """
    if number:
        _state.update(signal=number, pending=0)


def check():
    """Raises `Stopped` if a signal has arrived."""
    if _state["signal"] is not None:
        raise Stopped


def exit_code():
    """Returns what the process should exit with: None if no signal has arrived."""
    return None if _state["signal"] is None else 128 + _state["signal"]
