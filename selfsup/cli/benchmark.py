"""Measures speed and memory beside reference implementations, in one run.

    python tools/benchmark.py --what input --data photos --crop_size 352
    python tools/benchmark.py --what train --network vgg16 --batch_size 2
    python tools/benchmark.py --what growth --output growth.jsonl
    python tools/benchmark.py --what segment --height 375 --image_width 500
    python tools/benchmark.py --what serve --width 0.25 --crop_size 196 --images 40

input compares the pretraining pipeline with three others over the same files and with
the same parallelism: decoding alone, of those parts that the pipeline decodes; a loader
of OpenCV and NumPy; and a pipeline that decodes and scales whole color images. Rounds
alternate, and each round is divided by that round of decoding alone. Processor time
counts all threads; it hardly depends on what else the machine does, and times by the
clock do.

train times a training step on random images, in turns with the same model in PyTorch
where that is installed, on one core a side unless there is a GPU. It says images a
second, the share of the peak (the rate of a large matrix product), and the memory that
the step takes. --parts times the sparse hypercolumn alone, forward and back, and fills
memory with a sparse and a dense one. For a GPU: --precision mixed_bfloat16 --steps 10.

growth times the step at growing crops, batches and numbers of points, each in a process
of its own. With --output it draws cost and memory into a picture beside that file.

segment segments an image of --height x --image_width, tiled as the evaluation does
it at strides 1 and 4, and by concatenating the hypercolumns at stride 4 and at
--concatenated_stride.

serve exports a colorizer and colors photographs, one a request, with the SavedModel
and with the Keras model, in turns; --crop_size is the shortest side that the
network sees. Then it watches the memory over --requests of images of different
sizes; compare with TF_ENABLE_ONEDNN_OPTS=0, as oneDNN keeps memory for every size.

train and growth run with KERAS_BACKEND=jax too, where TensorFlow need not be installed.
Prints a table; --output gets a line of JSON for each measurement.
"""

import dataclasses
import importlib
import os
import pathlib
import sys

from absl import logging

from selfsup import backend
from selfsup.analysis.benchmarks import configs, lines
from selfsup.cli.app import Tool
from selfsup.settings import Config, setting

# Name of the benchmark, which is that of its module: its settings.
BENCHMARKS = {
    "input": configs.InputConfig,
    "train": configs.TrainConfig,
    "growth": configs.GrowthConfig,
    "segment": configs.SegmentConfig,
    "serve": configs.ServeConfig,
}

# Those that run on Keras with JAX too.
_NEUTRAL = ("train", "growth")


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that are no settings of a benchmark."""

    what: str = setting("input", "What is measured.", choices=BENCHMARKS)
    output: str | None = setting(
        None, "File that gets a line of JSON for each measurement.", path=True
    )


def main(options, given):
    """Measures by the settings given, and shows and writes what was found."""
    if options.what not in _NEUTRAL:
        backend.require_tensorflow()
    config = BENCHMARKS[options.what].from_values(given)
    module = importlib.import_module(f"selfsup.analysis.benchmarks.{options.what}")
    measured = []
    for figures in module.measure(config):
        measured.append({"what": options.what, "cores": os.cpu_count(), **figures})
        if options.output:
            lines.write(measured, options.output)
    sys.stdout.write(lines.table(measured, module.COLUMNS))
    if all("error" in figures for figures in measured):
        raise RuntimeError(
            "Nothing could be measured. Expected a step that runs. Received: "
            + measured[-1]["error"].strip().splitlines()[-1]
        )
    if options.output and options.what == "growth":
        picture = pathlib.Path(options.output).with_suffix(".png")
        module.draw(measured, picture)
        logging.info("Look at %s", picture)


TOOL = Tool(__doc__, main, Options, BENCHMARKS)
