"""Colors photographs, gray or color, of any size and format."""

import _quiet  # noqa: F401

from selfsup.cli.colorize import TOOL

if __name__ == "__main__":
    TOOL.run()
