"""Evaluates a trained colorizer on held-out photographs."""

import _quiet  # noqa: F401

from selfsup.cli.eval_colorizer import TOOL

if __name__ == "__main__":
    TOOL.run()
