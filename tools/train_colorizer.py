"""Pretrains a network by colorizing unlabeled photographs."""

import _quiet  # noqa: F401

from selfsup.cli.train_colorizer import TOOL

if __name__ == "__main__":
    TOOL.run()
