"""Writes the features of photographs, with their names, to one file.

    python tools/embed.py --ckpt runs/mine --data my_photos --output features.npz
    python tools/embed.py --ckpt runs/mine --data my_photos --output features.parquet \\
        --layer relu4_3 --pool max --projector runs/projector

A photograph is seen whole: its shortest side is scaled to --side. features.npz holds
names [N] and features [N, C], or whole maps with --pool none; features.csv a row for
each photograph; features.parquet the columns name and features. --projector writes a
folder with thumbnails to look at, by: tensorboard --logdir FOLDER

A photograph that cannot be read is named in the end, with a non-zero exit code; the
others are embedded. The same command goes on where it was stopped or killed; what is
done until then lies in OUTPUT.unfinished.
"""

import dataclasses

from absl import logging

from selfsup import heads, runs
from selfsup.analysis import embedding
from selfsup.analysis.embedding import EmbedConfig
from selfsup.cli.app import Tool
from selfsup.cli.options import ReportOptions, RunOptions
from selfsup.settings import Config, changed, setting

# The first choice in a workdir first.
_KINDS = heads.BACKBONE, *heads.KINDS


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that are no settings of the features."""

    ckpt: str = changed(ReportOptions, "ckpt", "sample")
    output: str = setting(
        None, "File of the features: .npz, .csv or .parquet.", path=True
    )
    projector: str | None = setting(
        None, "Folder for TensorBoard's embedding projector. Default: none.", path=True
    )
    config: str | None = changed(RunOptions, "config", None)


def main(options, given):
    """Embeds photographs."""
    config = EmbedConfig.from_values(given)
    # What cannot work is refused before the model is read.
    embedding.check(options.output, config, options.projector)
    run = runs.open_run(options.ckpt, _KINDS)
    count = embedding.embed(
        run.model, options.output, config, run.side, options.projector
    )
    logging.info("%d photographs are in %s", count, options.output)
    if options.projector:
        logging.info("Look at them: tensorboard --logdir %s", options.projector)


TOOL = Tool(__doc__, main, Options, {"embed": EmbedConfig})
