"""Where workers on several machines meet before TensorFlow connects them.

TensorFlow's own wait can take an hour, names nobody and heeds no signal. So the workers
meet here before: each one calls at the chief's address until it answers, and the chief
answers all at once when the last one has called. It refuses all where they do not name
the same workers: TensorFlow would wait for those that do not exist.
"""

import contextlib
import itertools
import json
import select
import socket
import time

# Of what a worker says when it comes: the addresses of thousands.
_MOST_BYTES = 1_000_000


def port(address):
    """Returns the port of an address.

    Args:
        address: Such as `HOST:PORT`.

    Raises:
        ValueError: If it is none.
    """
    host, _, number = address.rpartition(":")
    if not host or not 0 < int(number) < 65536:
        raise ValueError(
            f"An address is not valid. Expected HOST:PORT. Received: {address}"
        )
    return int(number)


def wait_for_all(places, own, seconds):
    """Returns when all workers are there.

    Args:
        places: List of [task, address] of all workers, the chief's first.
        own: Number of this worker among them.
        seconds: Longest wait for the others.

    Raises:
        TimeoutError: If a worker has not come in time; it is named.
        ValueError: If workers name different places, or two the same as their own.
        OSError: If the port of this worker cannot be used.
    """
    deadline = time.monotonic() + seconds
    address = places[own][1]
    try:
        listener = socket.create_server(("", port(address)))
    except OSError as error:
        raise OSError(
            "The port of this worker cannot be used. Expected a free one. "
            f"Received: {address} ({error.strerror})"
        ) from error
    with contextlib.ExitStack() as opened:
        opened.enter_context(listener)
        if own:
            _call(places, own, deadline, seconds)
        else:
            _answer(opened, listener, places, deadline, seconds)


def _answer(opened, listener, places, deadline, seconds):
    callers = {}
    while len(callers) < len(places) - 1:
        listener.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            caller = opened.enter_context(listener.accept()[0])
            caller.settimeout(10)
            number, named = _hear(caller, "worker", "places")
            problem = _difference(places, named, number)
        except TimeoutError:
            if time.monotonic() >= deadline:
                others = [i for i in range(1, len(places)) if i not in callers]
                _fail(", ".join(places[i][1] for i in others), seconds)
            continue
        except (KeyError, OSError, TypeError, ValueError):
            continue  # It hung up, or is somebody else; the worker calls again.
        # One that waits says nothing more: what can be read of it is its end.
        ended = select.select(callers.values(), [], [], 0)[0]
        callers = {i: other for i, other in callers.items() if other not in ended}
        if number in callers and not problem:
            problem = (
                "Two workers have the same place. Expected another index in the "
                f"TF_CONFIG of each. Received twice: worker {number}"
            )
        if problem:
            for other in (*callers.values(), caller):
                with contextlib.suppress(OSError):
                    _say(other, problem=problem)
            raise ValueError(problem)
        callers[number] = caller
    for caller in callers.values():
        _say(caller, problem="")


def _difference(places, named, number):
    """Returns what is wrong with the places that a worker names, or an empty string."""
    for index, (ours, theirs) in enumerate(itertools.zip_longest(places, named)):
        if ours != theirs:
            ours, theirs = (" ".join(place or ["none"]) for place in (ours, theirs))
            return (
                "The workers do not name the same workers. Expected an equal cluster "
                f"in the TF_CONFIG of each. Received as number {index} of all: {ours} "
                f"from the chief, {theirs} from worker {number}"
            )
    return ""


def _call(places, own, deadline, seconds):
    place = places[0][1].rpartition(":")[0], port(places[0][1])
    problem = None
    while problem is None:
        try:
            left = max(0.01, deadline - time.monotonic())
            chief = socket.create_connection(place, timeout=min(5, left))
            with chief:
                _say(chief, worker=own, places=places)
                chief.settimeout(left)
                (problem,) = _hear(chief, "problem")
        except (KeyError, OSError, TypeError, ValueError):
            if time.monotonic() >= deadline:
                _fail(f"{places[0][1]}, or another worker that it waits for", seconds)
            time.sleep(0.2)
    if problem:
        raise ValueError(problem)


def _say(other, **words):
    other.sendall(json.dumps(words).encode() + b"\n")


def _hear(other, *names):
    """Returns what the other side says under these names, in one line."""
    with other.makefile("rb") as lines:
        words = json.loads(lines.readline(_MOST_BYTES))
    return [words[name] for name in names]


def _fail(missing, seconds):
    raise TimeoutError(
        f"Not all workers have come in {seconds:.0f} seconds. Expected the same "
        "command on all machines, and ports that they can reach. Received nothing "
        f"from: {missing}"
    )
