"""Opens a page to drop a photograph on, and shows it gray and colored.

    python tools/demo.py
    python tools/demo.py --ckpt runs/mine --ckpt runs/other --port 8000

The page has a slider between gray and colored, the choices of colorize.py, and a
button that saves the photograph as colorize.py would write it. It offers the models
that --ckpt names and those of the zoo. Photographs stay on this machine: the page is
served to it alone unless --host says otherwise, and loads nothing from elsewhere.
Needs the extra: pip install -e ".[demo]"
"""

import dataclasses

from absl import logging

from selfsup.cli.app import Tool
from selfsup.demo.colorist import Colorist, zoo_colorizers
from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags of the page."""

    ckpt: tuple[str, ...] = setting(
        ("sample",),
        "Workdir, .keras file, or the name of a model of the zoo, offered before the "
        "rest of the zoo; give it several times for more.",
        path=True,
    )
    host: str = setting(
        "127.0.0.1", "Address to serve at; 0.0.0.0 lets other machines in."
    )
    port: int = setting(7860, "Port to serve at; 0 takes a free one.", 0, 65535)
    open: bool = setting(True, "Whether to open the page in the browser.")


def main(options, given):
    """Serves the page."""
    del given
    logging.info("Loading the model")
    from selfsup.demo import server

    address = server.listen(options.host, options.port)
    with address.socket:
        colorist = Colorist([*options.ckpt, *zoo_colorizers()])
        for name in options.ckpt:
            colorist.open(name)
        server.serve(colorist, address, options.open)


TOOL = Tool(__doc__, main, Options)
