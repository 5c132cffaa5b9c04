"""The page over HTTP: what it loads, its answers, and one line for a taken port."""

import base64
import contextlib
import json
import re
import threading
import urllib.error
import urllib.request

import cv2
import numpy as np
import pytest

from selfsup import color

pytest.importorskip("starlette", reason="needs the extra demo")
uvicorn = pytest.importorskip("uvicorn", reason="needs the extra demo")

from selfsup.demo import server  # noqa: E402

QUERY = "name=a.png&model=mine&hue_mode=mode&chroma_mode=mode&saturation=1.5"


class Fake:
    """A colorist that gives back what it gets, as two photographs."""

    names = ("mine", "sample")

    def color(self, encoded, name, model, config):
        if not encoded:
            raise ValueError(f"No image.\n Received: {name}")
        self.got = model, config.hue_mode, config.saturation
        image = np.full((2, 3, 3), len(encoded), np.uint8)
        return image, image // 2


@contextlib.contextmanager
def served(colorist):
    """Serves a page in a thread; its address."""
    address = server.listen("127.0.0.1", 0)
    running = uvicorn.Server(
        uvicorn.Config(server.app(colorist), log_config=None, log_level="error")
    )
    thread = threading.Thread(target=running.run, kwargs={"sockets": [address.socket]})
    thread.start()
    try:
        yield address.url
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def url():
    with served(Fake()) as url:
        yield url


def _ask(url, body=None):
    """The status, headers and content of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_the_page_loads_its_own_files_alone(url):
    files = ["", "page.css", "page.js"]
    for file in files:
        status, headers, content = _ask(f"{url}/{file}")
        assert status == 200
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert not re.search(rb"https?://|//[a-z]+\.", content)
    page = _ask(url)[2].decode()
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {"data:,", *files[1:]}


def test_choices_are_those_of_the_coloring_tool(url):
    choices = json.loads(_ask(f"{url}/choices")[2])
    assert choices["model"] == {"choices": ["mine", "sample"], "default": "mine"}
    assert choices["hue_mode"]["choices"] == list(color.HUE_MODES)
    assert choices["chroma_mode"]["choices"] == list(color.CHROMA_MODES)
    assert choices["chroma_mode"]["default"] == "median"
    assert choices["saturation"] == {"default": 1.0}


def test_a_photograph_is_shown_and_written():
    fake = Fake()
    with served(fake) as url:
        content = json.loads(_ask(f"{url}/shown?{QUERY}", b"x" * 90)[2])
        status, headers, png = _ask(f"{url}/colored?{QUERY}", b"x" * 90)
    assert fake.got == ("mine", "mode", 1.5)
    assert (content["height"], content["width"]) == (2, 3)
    assert base64.b64decode(content["colored"]) == png
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert (cv2.imdecode(np.frombuffer(png, np.uint8), -1) == 45).all()


@pytest.mark.parametrize(
    "query, body, message",
    [
        (QUERY, b"", "No image. Received: a.png"),
        (QUERY, b"x" * 2000, "too large for the page. Expected at most 1000 bytes"),
        ("name=a", b"x", "A parameter is missing. Received: none for 'model'"),
        (QUERY.replace("1.5", "11"), b"x", "`saturation` must be .*saturation=11"),
        (QUERY + "&loud=1", b"x", "Settings are unknown.*Received: loud"),
    ],
)
def test_bad_input_is_one_sentence(url, query, body, message, monkeypatch):
    monkeypatch.setattr(server, "MAX_BYTES", 1000)
    status, _, content = _ask(f"{url}/shown?{query}", body)
    assert status == 400
    text = json.loads(content)["error"]
    assert re.search(message, text) and "\n" not in text


def test_a_port_in_use_is_named():
    taken = server.listen("127.0.0.1", 0)
    port = int(taken.url.rpartition(":")[2])
    with taken.socket, pytest.raises(OSError, match=rf"port {port} \(Address already"):
        server.listen("127.0.0.1", port)


def test_a_host_elsewhere_is_refused():
    with pytest.raises(OSError, match="Expected a free --port.*192.0.2.1, port 0"):
        server.listen("192.0.2.1", 0)


def test_the_page_is_served_until_it_is_stopped(monkeypatch):
    opened = []
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")

    def end(self, sockets):
        opened.append(sockets)

    monkeypatch.setattr(server.uvicorn.Server, "run", end)
    address = server.listen("127.0.0.1", 0)
    with address.socket:
        server.serve(Fake(), address, open_page=True)
        server.serve(Fake(), address)
    assert opened == [address.url, [address.socket], [address.socket]]
