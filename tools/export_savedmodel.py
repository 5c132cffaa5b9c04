"""Exports a trained model as a SavedModel for TensorFlow Serving."""

import _quiet  # noqa: F401

from selfsup.cli.export_savedmodel import TOOL

if __name__ == "__main__":
    TOOL.run()
