"""Shows what a network's features see, and what fine-tuning made of them.

    python tools/analyze.py --what feature_shift --before runs/colorizer \\
        --after runs/voc --data photographs
    python tools/analyze.py --what top_patches --ckpt runs/colorizer \\
        --labeled_data held_out_classes
    python tools/analyze.py --what curves --ckpt runs/colorizer --voc_dir VOCdevkit
    python tools/analyze.py --what edges --ckpt runs/zeros --ckpt runs/bias

Feature shift: correlation of each layer's features before and after fine-tuning. Top
patches: what features respond to most strongly, and how consistent its colors and its
classes are. Curves: the loss of a pretraining, and how well each snapshot of
--keep_every segments after fine-tuning. Edges: how responses change toward the border.
Networks are workdirs of any training, files, imagenet, or names from the zoo; curves
takes workdirs alone. Numbers, pictures, and a page that gathers them, report.html, go
to the folder of --output.
"""

import dataclasses

from absl import logging

from selfsup.analysis import report
from selfsup.analysis.curves import CurvesConfig, curves
from selfsup.analysis.edges import EdgesConfig, edges
from selfsup.analysis.feature_shift import FeatureShiftConfig, feature_shift
from selfsup.analysis.top_patches import TopPatchesConfig, top_patches
from selfsup.cli.app import Tool
from selfsup.cli.options import ReportOptions
from selfsup.settings import Config, changed, setting

# Name of the analysis: its settings and its function.
ANALYSES = {
    "feature_shift": (FeatureShiftConfig, feature_shift),
    "top_patches": (TopPatchesConfig, top_patches),
    "curves": (CurvesConfig, curves),
    "edges": (EdgesConfig, edges),
}


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that are no settings of the analyses."""

    what: str = setting(None, "The analysis.", choices=ANALYSES)
    output: str = changed(
        ReportOptions,
        "output",
        "runs/analysis",
        "Folder of the report. Analyses of one folder share its page.",
    )


def main(options, given):
    """Analyzes by the settings given."""
    config_class, analyze = ANALYSES[options.what]
    analyze(config_class.from_values(given), options.output)
    logging.info("Look at %s/%s", options.output, report.PAGE)


TOOL = Tool(__doc__, main, Options, {name: row[0] for name, row in ANALYSES.items()})
