"""Evaluates a VOC segmenter or classifier on every image of a split."""

import _quiet  # noqa: F401

from selfsup.cli.eval_voc import TOOL

if __name__ == "__main__":
    TOOL.run()
