"""Pretrains a network by colorizing unlabeled photographs.

    python tools/train_colorizer.py
    python tools/train_colorizer.py --data my_photos --workdir runs/mine --steps 3000
    python tools/train_colorizer.py --preset paper --network alexnet --data photos

The first line trains on the photographs that come with the package. The workdir
then holds samples.png and curves.png to look at, backbone.keras to go on with,
colorizer.keras, results.json, log.csv and tensorboard/. The same command again
resumes a run that was stopped. Flags that are not given come from the preset.
"""

import dataclasses

from selfsup.cli import pretrain
from selfsup.cli.app import Tool
from selfsup.cli.options import RunOptions
from selfsup.settings import changed
from selfsup.training import tasks

Colorization = tasks.get("colorization")


@dataclasses.dataclass(frozen=True)
class Options(RunOptions):
    """Flags that are no settings of the run."""

    workdir: str = changed(RunOptions, "workdir", "runs/colorizer")


def main(options, given):
    """Trains by the settings given."""
    pretrain.train(Colorization, options, given)


TOOL = Tool(
    __doc__,
    main,
    Options,
    {"colorization": Colorization.Config},
    pretrain.defaults(Colorization),
)
