"""What takes the time in a trace that JAX's profiler wrote."""

import collections
import gzip
import json
import pathlib

# On a CPU: the loop that runs the operations, and its waiting.
_NO_KERNELS = "ThunkExecutor"


def newest(folder):
    """Returns the path of the newest trace below a folder.

    Args:
        folder: What `jax.profiler.trace` was given.

    Returns:
        A path.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = pathlib.Path(folder).rglob("*.trace.json.gz")
    path = max(found, key=lambda path: path.stat().st_mtime, default=None)
    if path is None:
        raise FileNotFoundError(
            "A trace is missing. Expected a file *.trace.json.gz. "
            f"Received: none below {folder}"
        )
    return path


def longest(path, steps, count=30):
    """Sums the time of each kernel on the device, or of each operation on a CPU.

    Args:
        path: A file `*.trace.json.gz`.
        steps: Steps that were traced.
        count: Kernels at most.

    Returns:
        Dict from kernels to milliseconds a step, the longest first; `"all"` is the
        sum of all of them.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    places = {
        name: {
            (event["pid"], event.get("tid")): event["args"]["name"]
            for event in events
            if event.get("name") == name
        }
        for name in ("process_name", "thread_name")
    }
    processes = {pid: name for (pid, _), name in places["process_name"].items()}
    on_device = any("/device:" in name for name in processes.values())
    spent = collections.Counter()
    for event in events:
        if event.get("ph") != "X" or event["name"].startswith(_NO_KERNELS):
            continue
        thread = places["thread_name"].get((event["pid"], event["tid"]), "")
        # The streams of a device hold its kernels, other rows the sums of them.
        is_kernel = "XLA" in thread
        if on_device:
            is_kernel = "/device:" in processes[event["pid"]] and "Stream" in thread
        if is_kernel:
            spent[event["name"][:80]] += event.get("dur", 0) / 1000 / steps
    return {"all": sum(spent.values()), **dict(spent.most_common(count))}
