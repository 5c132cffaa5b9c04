"""Pretrains a network on unlabeled photographs by any proxy task."""

import _quiet  # noqa: F401

from selfsup.cli.pretrain import TOOL

if __name__ == "__main__":
    TOOL.run()
