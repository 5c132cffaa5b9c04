"""Measures what simple classifiers read off a network's frozen features.

    python tools/probe.py --ckpt runs/colorizer --data labeled_photos
    python tools/probe.py --ckpt runs/colorizer --data labeled_photos \\
        --samples_per_class 10,100 --layers relu3_3,relu4_3
    python tools/probe.py --ckpt runs/colorizer --task segmentation --voc_dir VOCdevkit

Classification: the features of a layer are averaged over the center crop and
standardized; a logistic regression and the nearest neighbors by cosine are fitted to
some labeled images, and measured on others. Segmentation: a linear head and one with a
hidden layer are fitted to hypercolumns at sampled points, and measured at other points
and on whole images. A random network stands beside. The report goes to probe/ in the
workdir: results.json, pictures, and the features, which are extracted once.
"""

import dataclasses

from absl import logging

from selfsup.analysis import probe_report
from selfsup.analysis.probes import ProbeConfig, probe
from selfsup.analysis.segmentation_probe import (
    SegmentationProbeConfig,
    probe_segmentation,
)
from selfsup.cli.app import Tool
from selfsup.cli.options import ReportOptions, RunOptions
from selfsup.settings import changed, setting

# Name of the task: its settings, its function, and how its results are shown.
TASKS = {
    "classification": (ProbeConfig, probe, probe_report.table),
    "segmentation": (
        SegmentationProbeConfig,
        probe_segmentation,
        probe_report.head_table,
    ),
}


@dataclasses.dataclass(frozen=True)
class Options(ReportOptions):
    """Flags that are no settings of the probes."""

    task: str = setting("classification", "What is read off.", choices=TASKS)
    ckpt: str = changed(
        ReportOptions,
        "ckpt",
        None,
        "What to probe: a workdir, a .keras or .caffemodel.h5 file, imagenet, a name "
        "from the zoo, or random.",
    )
    output: str | None = changed(
        ReportOptions,
        "output",
        None,
        "Folder of the report. Default: probe in the workdir, else runs/probe; "
        "probe/segmentation for that task.",
    )
    config: str | None = changed(RunOptions, "config", None)


def main(options, given):
    """Probes by the settings given."""
    config_class, measure, table = TASKS[options.task]
    config = config_class.from_values(given)
    results, output = measure(options.ckpt, config, options.output)
    logging.info("\n%s", table(results))
    logging.info("The report is in %s", output)


TOOL = Tool(__doc__, main, Options, {name: row[0] for name, row in TASKS.items()})
