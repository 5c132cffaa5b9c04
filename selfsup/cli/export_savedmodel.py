"""Exports a trained model as a SavedModel for TensorFlow Serving.

    python tools/export_savedmodel.py --ckpt runs/colorizer --output served/colors
    python tools/export_savedmodel.py --ckpt runs/voc --output served/streets
    python tools/export_savedmodel.py --ckpt runs/mine/backbone.keras \\
        --output served/features --side 256 --features relu4_3 --features relu5_3

Writes served/colors/1, the next time served/colors/2, complete or not at all, with
warm-up requests. Signatures: serving_default takes encoded images (JPEG or PNG of
any size) and returns small things: a colored PNG, a PNG of classes, scores and
labels, or a vector of features. pixels takes float RGB and returns whole maps;
features takes the same and returns the activations of layers.

An output that ends in .keras, .onnx or .tflite becomes such a file instead: the
network from its own input, gray or RGB in [0, 1] minus 0.4488, to its outputs. A
.keras file then holds Keras' own layers alone and loads where selfsup is not installed:

    python tools/export_savedmodel.py --ckpt runs/colorizer --backbone \\
        --output backbone.keras
"""

import dataclasses

from absl import logging

from selfsup import export, runs
from selfsup.cli.app import Tool
from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that are no settings of the export."""

    ckpt: str = setting(
        None, "Workdir, .keras file, or the name of a model of the zoo.", path=True
    )
    output: str = setting(
        None,
        "Folder of the served model; its versions lie there. Or a file: .keras, "
        ".onnx, .tflite.",
        path=True,
    )
    backbone: bool = setting(False, "For files: leave the head out.")


def main(options, given):
    """Exports a model."""
    if export.is_file_format(options.output):
        if given:
            raise ValueError(
                "A file has no signatures to choose. Expected --ckpt and --output. "
                f"Received: --{', --'.join(given)}"
            )
        logging.info("Exporting %s", options.ckpt)
        path = export.convert_run(options.ckpt, options.output, options.backbone)
        logging.info("Written: %s", path)
        return
    if options.backbone:
        raise ValueError(
            "The head is left out of files only. Expected --output of a file (.keras, "
            ".onnx, .tflite), or --ckpt WORKDIR/backbone.keras. "
            f"Received: --backbone with --output={options.output}"
        )
    config = export.ExportConfig.from_values(given)
    logging.info("Exporting %s", options.ckpt)
    folder = export.export_model(options.ckpt, options.output, config)
    about = runs.read_json(folder / export.METADATA)
    logging.info("A %s, served from %s", about["kind"], folder)
    logging.info("Images of up to %d pixels: %s", about["max_pixels"], about["reads"])


TOOL = Tool(__doc__, main, Options, {"export": export.ExportConfig})
