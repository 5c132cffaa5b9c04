"""Measures speed beside reference implementations, in one run.

    python tools/benchmark.py --what input --data photos --crop_size 352
    python tools/benchmark.py --what train --network vgg16 --batch_size 2
    python tools/benchmark.py --what segment --height 375 --image_width 500
    python tools/benchmark.py --what serve --width 0.25 --crop_size 196 --images 40

`input` compares the pretraining pipeline with two others over the same files
and with the same parallelism: decoding alone, and a pipeline that decodes and
scales whole color images. Rounds of the three alternate, and each round's
rates are divided by that round's rate of decoding alone. Processor time counts
all threads; it hardly depends on what else the machine does.

`train` times a training step and, in turns with it, its sparse hypercolumn
alone, forward and back; and the memory of a sparse and of a dense hypercolumn.

`segment` segments an image of --height x --image_width, tiled as the evaluation
does it at strides 1 and 4, and by concatenating the hypercolumns at stride 4 and at
--concatenated_stride.

`serve` exports a colorizer and colors photographs, one a request, with the export
and with the Keras model, in turns; --crop_size is the shortest side that the network
sees. Then it watches the memory over --requests of images of different sizes;
compare with TF_ENABLE_ONEDNN_OPTS=0, as oneDNN keeps memory for every size.

Writes a JSON file if --output is given.
"""

import json
import os

import _app
from absl import flags

from selfsup import data, networks
from selfsup.analysis import benchmarks

_WHAT = flags.DEFINE_enum(
    "what", "input", ["input", "train", "segment", "serve"], "What is measured."
)
_DATA = flags.DEFINE_multi_string("data", [], "Sources; default: embedded photos.")
_NETWORK = flags.DEFINE_enum("network", "vgg16", list(networks.BUILDERS), "Backbone.")
_WIDTH = flags.DEFINE_float("width", 1.0, "Factor on the number of channels.")
_CROP_SIZE = flags.DEFINE_integer("crop_size", 352, "Side of the crops.")
_MIN_SIDE = flags.DEFINE_integer("min_side", 0, "Smallest short side; 0: crop_size.")
_MAX_SIDE = flags.DEFINE_integer("max_side", 0, "Largest; 0: 600/352 of min_side.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Samples a batch.")
_POINTS = flags.DEFINE_integer("points", 128, "Points an image.")
_IMAGES = flags.DEFINE_integer("images", 1024, "Images a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds.")
_HEIGHT = flags.DEFINE_integer("height", 375, "Height of the image to segment.")
_IMAGE_WIDTH = flags.DEFINE_integer("image_width", 500, "Its width.")
_CONCATENATED_STRIDE = flags.DEFINE_integer(
    "concatenated_stride",
    2,
    "Finest stride at which hypercolumns are concatenated; stride 1 of the image "
    "above takes over 20 GB.",
)
_REQUESTS = flags.DEFINE_integer("requests", 1000, "Requests that memory is watched.")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file with the result.")


def _input():
    min_side = _MIN_SIDE.value or _CROP_SIZE.value
    config = data.PipelineConfig(
        data=tuple(_DATA.value),
        crop_size=_CROP_SIZE.value,
        min_side=min_side,
        max_side=_MAX_SIDE.value or round(min_side * 600 / 352),
        batch_size=_BATCH_SIZE.value,
        points=_POINTS.value,
    )
    return benchmarks.input.measure(config, _IMAGES.value, _ROUNDS.value)


def _train():
    return benchmarks.train.measure(
        _NETWORK.value,
        _WIDTH.value,
        _CROP_SIZE.value,
        _BATCH_SIZE.value,
        _ROUNDS.value,
    )


def _segment():
    finest = _CONCATENATED_STRIDE.value
    ways = [("tiled", 1), ("tiled", 4), ("concatenated", 4), ("concatenated", finest)]
    return benchmarks.segment.measure(
        _NETWORK.value,
        _WIDTH.value,
        (_HEIGHT.value, _IMAGE_WIDTH.value),
        dict.fromkeys(ways),
        _ROUNDS.value,
    )


def _serve():
    return benchmarks.serve.measure(
        _NETWORK.value,
        _WIDTH.value,
        _CROP_SIZE.value,
        tuple(_DATA.value),
        _IMAGES.value,
        _ROUNDS.value,
        _REQUESTS.value,
    )


def main():
    measures = {
        "input": _input,
        "train": _train,
        "segment": _segment,
        "serve": _serve,
    }
    measured = measures[_WHAT.value]()
    result = json.dumps({"cores": os.cpu_count(), **measured}, indent=2)
    print(result)
    if _OUTPUT.value:
        with open(_OUTPUT.value, "w", encoding="utf-8") as file:
            file.write(result + "\n")


if __name__ == "__main__":
    _app.run(main)
