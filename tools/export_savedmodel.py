"""Exports a trained model as a SavedModel for TensorFlow Serving.

    python tools/export_savedmodel.py --ckpt runs/colorizer --output served/colors
    python tools/export_savedmodel.py --ckpt runs/voc --output served/streets
    python tools/export_savedmodel.py --ckpt runs/mine/backbone.keras \\
        --output served/features --side 256 --features relu4_3 --features relu5_3

Writes served/colors/1, the next time served/colors/2, with warm-up requests; a
server never sees half of a version. Signatures: serving_default takes encoded images
(JPEG or PNG of any size) and returns small things: a colored PNG, a PNG of classes,
scores and labels, or a vector of features. pixels takes float RGB and returns
whole maps; features takes the same and returns the activations of layers.

An output that ends in .onnx or .tflite becomes such a file instead: the network
from its own input, gray or RGB in [0, 1] minus 0.4488, to its outputs.
"""

import json

import _app
from absl import flags, logging

from selfsup import export

_CKPT = flags.DEFINE_string(
    "ckpt",
    None,
    "Workdir, .keras file, or name of a model of the zoo.",
    required=True,
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "Folder of the served model; its versions lie there. Or a file: .onnx, .tflite.",
    required=True,
)
_config = _app.define(export.ExportConfig)


def main():
    config = export.ExportConfig(**_config())
    if export.is_file_format(_OUTPUT.value):
        if _config():
            raise ValueError(
                "A file has no signatures to choose. Expected --ckpt and --output. "
                f"Received: --{', --'.join(_config())}"
            )
        logging.info("Written: %s", export.convert_run(_CKPT.value, _OUTPUT.value))
        return
    folder = export.export_model(_CKPT.value, _OUTPUT.value, config)
    metadata = json.loads((folder / export.METADATA).read_text())
    logging.info("A %s, served from %s", metadata["kind"], folder)
    logging.info(
        "Images of up to %d pixels: %s", metadata["max_pixels"], metadata["reads"]
    )


if __name__ == "__main__":
    _app.run(main)
