"""Measures speed beside reference implementations, in one run.

    python tools/benchmark.py --what input --data photos --crop_size 352
    python tools/benchmark.py --what train --network vgg16 --batch_size 2
    python tools/benchmark.py --what segment --height 375 --image_width 500
    python tools/benchmark.py --what serve --width 0.25 --crop_size 196 --images 40

input compares the pretraining pipeline with two others over the same files and
with the same parallelism: decoding alone, and a pipeline that decodes and scales
whole color images. Rounds of the three alternate, and each round's rates are
divided by that round's rate of decoding alone. Processor time counts all threads;
it hardly depends on what else the machine does.

train times a training step and, in turns with it, its sparse hypercolumn alone,
forward and back; and the memory of a sparse and of a dense hypercolumn.

segment segments an image of --height x --image_width, tiled as the evaluation does
it at strides 1 and 4, and by concatenating the hypercolumns at stride 4 and at
--concatenated_stride.

serve exports a colorizer and colors photographs, one a request, with the SavedModel
and with the Keras model, in turns; --crop_size is the shortest side that the
network sees. Then it watches the memory over --requests of images of different
sizes; compare with TF_ENABLE_ONEDNN_OPTS=0, as oneDNN keeps memory for every size.

Writes a JSON file if --output is given.
"""

import dataclasses
import json
import os
import sys

from selfsup import atomic, data
from selfsup.analysis.benchmarks import input as input_
from selfsup.analysis.benchmarks import segment, serve, train
from selfsup.cli.app import Tool
from selfsup.settings import Config, changed, setting
from selfsup.training.run_config import RunConfig


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """What is measured, and on what."""

    what: str = setting(
        "input", "What is measured.", choices=("input", "train", "segment", "serve")
    )
    data: tuple[str, ...] = setting((), "Sources. Default: embedded photos.", path=True)
    network: str = changed(RunConfig, "network", "vgg16")
    width: float = changed(RunConfig, "width", 1.0)
    crop_size: int = changed(RunConfig, "crop_size", 352)
    min_side: int | None = setting(None, "Least short side. Default: crop_size.", 8)
    max_side: int | None = setting(None, "Greatest. Default: 600/352 of min_side.", 8)
    batch_size: int = changed(RunConfig, "batch_size", 16)
    points: int = setting(128, "Points an image.", 1)
    images: int = setting(1024, "Images a round.", 1)
    rounds: int = setting(5, "Rounds.", 1)
    height: int = setting(375, "Height of the image to segment.", 1)
    image_width: int = setting(500, "Its width.", 1)
    concatenated_stride: int = setting(
        2, "Finest stride of concatenating; 1 takes over 20 GB.", choices=(1, 2, 4)
    )
    requests: int = setting(1000, "Requests over which memory is watched.", 1)
    output: str | None = setting(None, "JSON file with the result.", path=True)


def _measure(options):
    network = options.network, options.width
    if options.what == "input":
        min_side = options.min_side or options.crop_size
        config = data.PipelineConfig(
            data=options.data,
            crop_size=options.crop_size,
            min_side=min_side,
            max_side=options.max_side or round(min_side * 600 / 352),
            batch_size=options.batch_size,
            points=options.points,
        )
        return input_.measure(config, options.images, options.rounds)
    if options.what == "train":
        return train.measure(
            *network, options.crop_size, options.batch_size, options.rounds
        )
    if options.what == "segment":
        finest = options.concatenated_stride
        ways = ("tiled", 1), ("tiled", 4), ("concatenated", 4), ("concatenated", finest)
        size = options.height, options.image_width
        return segment.measure(*network, size, dict.fromkeys(ways), options.rounds)
    return serve.measure(
        *network,
        options.crop_size,
        options.data,
        options.images,
        options.rounds,
        options.requests,
    )


def main(options, given):
    """Measures, and writes the result as JSON."""
    del given
    measured = {"cores": os.cpu_count(), **_measure(options)}
    text = json.dumps(measured, indent=2) + "\n"
    sys.stdout.write(text)
    if options.output:
        with atomic.write(options.output) as unfinished:
            unfinished.write_text(text)


TOOL = Tool(__doc__, main, Options)
