"""Workers wait for each other, and are refused where they do not fit together."""

import contextlib
import socket
import threading
import time

import pytest

from selfsup.training import meeting


def _free_places(count):
    with contextlib.ExitStack() as opened:
        address = ("127.0.0.1", 0)
        servers = [
            opened.enter_context(socket.create_server(address)) for _ in range(count)
        ]
        ports = [server.getsockname()[1] for server in servers]
    return [["worker", f"127.0.0.1:{port}"] for port in ports]


def test_nobody_goes_on_before_the_last_has_come():
    places = _free_places(3)
    came, gone = threading.Event(), []

    def wait(own):
        meeting.wait_for_all(places, own, 60)
        gone.append((own, came.is_set()))

    threads = [threading.Thread(target=wait, args=(own,)) for own in (1, 0)]
    for thread in threads:
        thread.start()
    # A stranger is no worker.
    for _ in range(100):
        with contextlib.suppress(OSError):
            place = ("127.0.0.1", meeting.port(places[0][1]))
            with socket.create_connection(place) as stranger:
                stranger.sendall(b"GET / HTTP/1.1")
            break
    assert gone == []
    came.set()
    wait(2)
    for thread in threads:
        thread.join()
    assert sorted(gone) == [(0, True), (1, True), (2, True)]


def _refusals(places, *callers):
    """Returns how the chief and workers end that call it as a number, with places."""
    refusals = []

    def wait(function, *args):
        try:
            function(*args)
        except ValueError as error:
            refusals.append(str(error))

    deadline = time.monotonic() + 30
    calls = [(meeting._call, named, own, deadline, 30) for own, named in callers]
    threads = [
        threading.Thread(target=wait, args=call)
        for call in [(meeting.wait_for_all, places, 0, 30), *calls]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refusals


@pytest.mark.parametrize("theirs", ["more", "fewer", "other", "job"])
def test_workers_of_different_clusters_are_refused_by_both(theirs):
    places = _free_places(3)
    job, third = places[2]
    named = {
        "more": [*places, [job, "c:3"]],
        "fewer": places[:2],
        "other": [*places[:2], [job, "c:3"]],
        "job": [["chief", places[0][1]], *places[1:]],
    }[theirs]
    received = {
        "more": "3 of all: none from the chief, worker c:3",
        "fewer": f"2 of all: worker {third} from the chief, none",
        "other": f"2 of all: worker {third} from the chief, worker c:3",
        "job": f"0 of all: worker {places[0][1]} from the chief, chief {places[0][1]}",
    }[theirs]
    expected = (
        "The workers do not name the same workers. Expected an equal cluster in the "
        f"TF_CONFIG of each. Received as number {received} from worker 1"
    )
    assert _refusals(places, (1, named)) == [expected] * 2


def test_two_workers_of_one_place_are_refused_by_all():
    places = _free_places(3)
    refusals = _refusals(places, (1, places), (1, places))
    expected = (
        "Two workers have the same place. Expected another index in the TF_CONFIG of "
        "each. Received twice: worker 1"
    )
    assert refusals == [expected] * 3


def test_a_worker_may_be_started_again_while_others_wait():
    places = _free_places(3)
    address = ("127.0.0.1", meeting.port(places[0][1]))
    with socket.create_server(address) as listener:
        ended = socket.create_connection(address)
        meeting._say(ended, worker=1, places=places)
        ended.close()
        deadline = time.monotonic() + 30
        callers = [
            threading.Thread(target=meeting._call, args=(places, own, deadline, 30))
            for own in (1, 2)
        ]
        for caller in callers:
            caller.start()
        with contextlib.ExitStack() as opened:
            meeting._answer(opened, listener, places, deadline, 30)
        for caller in callers:
            caller.join()
