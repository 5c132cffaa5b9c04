"""Imports weights of other programs as .keras files, or exports ours to Caffe.

    python tools/import_weights.py --source vgg16.caffemodel.h5 --output vgg16.keras
    python tools/import_weights.py --source imagenet --network resnet50 \\
        --output resnet50.keras --gray
    python tools/import_weights.py --source runs/colorizer/colorizer.keras \\
        --output colorizer.caffemodel.h5

Prints for every weight where it came from and how it was changed. What a network
wants of its input is part of the .keras file, so all tools take it as it is.
Missing, unexpected and mis-shaped names are errors; --skip leaves layers out.
"""

import _app
from absl import flags, logging

from selfsup import training
from selfsup.weights import caffe, input_color, loading, saving

_SOURCE = flags.DEFINE_string(
    "source",
    None,
    "Caffe's .caffemodel.h5 file, a .h5 file of keras.applications, or imagenet: "
    "what Keras downloaded of --network. For export: a workdir or .keras file.",
    required=True,
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write: .keras, or .caffemodel.h5.", required=True
)
_NETWORK = flags.DEFINE_string(
    "network", None, "alexnet, vgg16, resnet50 or resnet152; default: by the file."
)
_SKIP = flags.DEFINE_list("skip", None, "Layers of a Caffe file to leave out: fc8,fc9.")
_LRN = flags.DEFINE_bool(
    "lrn",
    None,
    "Local response normalisation in AlexNet; default: as recorded, else yes.",
)
_MEAN = flags.DEFINE_multi_float(
    "input_mean",
    None,
    "What the network wants subtracted from images in [0, 1]; repeat it for R, G "
    "and B; default: 0.4488, or 0 for a colorizer released for use.",
)
_SCALE = flags.DEFINE_float(
    "input_scale", None, "Factor on that, such as 255; default: 1."
)
_GRAY = flags.DEFINE_bool("gray", False, "Make a backbone for RGB one for gray.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a file that exists.")


def main():
    exporting = _OUTPUT.value.endswith(".h5")
    options = {
        "skip": _SKIP.value,
        "lrn": _LRN.value,
        "input_mean": _MEAN.value,
        "input_scale": _SCALE.value,
    }
    saving.checked_output(
        _OUTPUT.value, ".h5" if exporting else ".keras", _OVERWRITE.value
    )
    if not exporting:
        model, report = loading.import_model(_SOURCE.value, _NETWORK.value, **options)
    elif any(value is not None for value in (_NETWORK.value, *options.values())):
        raise ValueError(
            "An export writes all of a model. Expected --source, --output and --gray "
            "at most. Received: flags for an import"
        )
    else:
        model = training.open_run(_SOURCE.value, "backbone.keras").model
    if _GRAY.value:
        model = input_color.rgb_to_gray(model)
    if exporting:
        report = caffe.save(model, _OUTPUT.value, _OVERWRITE.value)
    else:
        saving.save(model, _OUTPUT.value, _OVERWRITE.value)
    logging.info("%s\nWritten: %s", report, _OUTPUT.value)


if __name__ == "__main__":
    _app.run(main)
