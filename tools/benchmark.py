"""Measures speed beside reference implementations, in one run."""

import _quiet  # noqa: F401

from selfsup.cli.benchmark import TOOL

if __name__ == "__main__":
    TOOL.run()
