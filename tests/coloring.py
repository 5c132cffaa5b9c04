"""Calls of `color_files`, and what they leave."""

import os

from selfsup.evaluation import colored_files
from selfsup.evaluation.colored_files import ColorizeConfig


def color(model, inputs, output, side=20, **settings):
    config = ColorizeConfig(side=side, **settings)
    return colored_files.color_files(model, inputs, output, config)


def found(folder):
    """The names of what a person sees in a folder, without the record."""
    return sorted(n for n in os.listdir(folder) if n not in (".lock", "colored.jsonl"))
