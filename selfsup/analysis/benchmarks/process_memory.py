"""Memory of the running process, as Linux reports it."""

import pathlib


def held():
    """Returns the megabytes that the process holds."""
    return _figure("VmRSS")


def peak():
    """Returns the most megabytes held since the start or `reset_peak`."""
    return _figure("VmHWM")


def reset_peak():
    """Lets the peak start again from what the process holds."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def _figure(name):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"The system reports no memory. Expected {name}. Received: none")
