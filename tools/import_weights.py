"""Imports weights of other programs as .keras files, or exports ours to Caffe."""

import _quiet  # noqa: F401

from selfsup.cli.import_weights import TOOL

if __name__ == "__main__":
    TOOL.run()
