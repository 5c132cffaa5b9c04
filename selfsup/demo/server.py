"""The page's server: what is dropped there goes to a `Colorist`.

No file of the page comes from elsewhere, and its content security policy has browsers
refuse to ask other hosts for anything.
"""

import base64
import dataclasses
import os
import pathlib
import socket
import sys
import webbrowser

import tensorflow as tf
from absl import logging

from selfsup import color, pictures
from selfsup.demo import colorist as coloring
from selfsup.evaluation import ColorizeConfig

try:
    import uvicorn
    from starlette import applications, concurrency, responses, routing, staticfiles
except ImportError as error:
    raise ImportError(
        "The page needs packages that are not installed. Expected: "
        f"pip install -e '.[demo]'. Received: {error}"
    ) from error

# Of a photograph's file, in bytes. It is read into memory.
MAX_BYTES = 2**29

_PAGE = pathlib.Path(__file__).with_name("page")

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:",
    # Else a browser shows the page of an earlier version.
    "Cache-Control": "no-cache",
}

# What a photograph may end in: damaged, too large, or for a model that is gone.
_FAILURES = (OSError, ValueError, TypeError, MemoryError, tf.errors.OpError)


def app(colorist):
    """Makes the page's application.

    Args:
        colorist: A `Colorist`.

    Returns:
        A `starlette.applications.Starlette`.
    """

    def choices(request):
        del request
        fields = ColorizeConfig.__dataclass_fields__
        content = {
            "model": {"choices": colorist.names, "default": colorist.names[0]},
            "hue_mode": {"choices": color.HUE_MODES},
            "chroma_mode": {"choices": color.CHROMA_MODES},
            "max_bytes": MAX_BYTES,
        }
        for name in ("hue_mode", "chroma_mode", "saturation"):
            content.setdefault(name, {})["default"] = fields[name].default
        return responses.JSONResponse(content, headers=_HEADERS)

    async def shown(request):
        return await _answer(request, colorist, _shown)

    async def colored(request):
        return await _answer(request, colorist, _colored)

    return applications.Starlette(
        routes=[
            routing.Route("/choices", choices),
            routing.Route("/shown", shown, methods=["POST"]),
            routing.Route("/colored", colored, methods=["POST"]),
            routing.Mount("/", _Files(directory=_PAGE, html=True)),
        ]
    )


class _Files(staticfiles.StaticFiles):
    """The page's own files."""

    def file_response(self, *args, **kwargs):
        response = super().file_response(*args, **kwargs)
        response.headers.update(_HEADERS)
        return response


async def _answer(request, colorist, draw):
    """Colors what a request brings; what is wrong with it is said in a sentence."""
    try:
        given = dict(request.query_params)
        name, model = given.pop("name"), given.pop("model")
        given["saturation"] = float(given["saturation"])
        config = ColorizeConfig.from_values(given)
        encoded = await _body(request, name)
        # Coloring takes seconds, in which the page is served to others.
        pair = await concurrency.run_in_threadpool(
            colorist.color, encoded, name, model, config
        )
        return await concurrency.run_in_threadpool(draw, *pair)
    except KeyError as error:
        text = f"A parameter is missing. Received: none for {error}"
    except _FAILURES as error:
        text = " ".join(str(error).split()) or type(error).__name__
    return responses.JSONResponse({"error": text}, 400)


async def _body(request, name):
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise ValueError(
                f"A file is too large for the page. Expected at most {MAX_BYTES} "
                f"bytes. Received: {name!r} with more"
            )
        parts.append(part)
    return b"".join(parts)


def _shown(image, colored):
    drawn = {"gray": coloring.shown_gray(image), "colored": coloring.shown(colored)}
    height, width = image.shape[:2]
    content = {name: base64.b64encode(png).decode() for name, png in drawn.items()}
    return responses.JSONResponse({**content, "height": height, "width": width})


def _colored(image, colored):
    del image
    png = pictures.encode_image("colored.png", colored)
    return responses.Response(png, media_type="image/png")


@dataclasses.dataclass(frozen=True)
class Address:
    """A socket that listens, and the page's address there."""

    socket: socket.socket
    url: str


def listen(host, port):
    """Takes an address for the page.

    Args:
        host: Name or address of this machine, as others reach it.
        port: Port; 0 takes a free one.

    Returns:
        An `Address`.

    Raises:
        OSError: If the address is in use, or none of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # The rest names the address.
        raise OSError(
            "The page cannot be served there. Expected a free --port, and a --host "
            f"of this machine. Received: {host}, port {port} ({reason})"
        ) from error
    name = f"[{host}]" if ":" in host else host
    return Address(listening, f"http://{name}:{listening.getsockname()[1]}")


def serve(colorist, address, open_page=False):
    """Serves the page until the process is asked to stop.

    Args:
        colorist: A `Colorist`.
        address: An `Address`.
        open_page: Whether to open the page in the browser, where there is a screen.
    """
    logging.info("The page is at %s (Ctrl-C ends it)", address.url)
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    if open_page and (sys.platform != "linux" or any(map(os.environ.get, screens))):
        webbrowser.open(address.url)
    # Without its lines about each request, and without its own setup of logging.
    config = uvicorn.Config(app(colorist), log_config=None, log_level="error")
    uvicorn.Server(config).run(sockets=[address.socket])
