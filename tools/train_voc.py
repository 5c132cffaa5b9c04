"""Trains a network for VOC segmentation or classification."""

import _quiet  # noqa: F401

from selfsup.cli.train_voc import TOOL

if __name__ == "__main__":
    TOOL.run()
