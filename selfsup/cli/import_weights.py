"""Imports weights of other programs as .keras files, or exports ours to Caffe.

    python tools/import_weights.py --source vgg16.caffemodel.h5 --output vgg16.keras
    python tools/import_weights.py --source imagenet --network resnet50 \\
        --output resnet50.keras --gray
    python tools/import_weights.py --source runs/colorizer/colorizer.keras \\
        --output colorizer.caffemodel.h5

Lists for every weight where it came from and how it was changed. What a network
wants of its input is part of the .keras file, so all tools take it as it is.
Missing, unexpected and mis-shaped names are errors; --skip leaves layers out.
"""

import dataclasses

from absl import logging

from selfsup import runs, weights
from selfsup.cli.app import Tool
from selfsup.settings import Config, setting
from selfsup.training.run_config import NETWORKS
from selfsup.weights import saving


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Files, and what an import may decide."""

    source: str = setting(
        None,
        "Caffe's .caffemodel.h5 file, a .h5 file of keras.applications, or imagenet: "
        "what Keras downloaded of --network. For export: a workdir or .keras file.",
        path=True,
    )
    output: str = setting(None, "File to write: .keras, or .caffemodel.h5.", path=True)
    gray: bool = setting(False, "Make a backbone for RGB one for gray.")
    overwrite: bool = setting(False, "Replace a file that exists.")
    network: str | None = setting(None, "Default: by the file.", choices=NETWORKS)
    skip: str | None = setting(
        None, "Layers of a Caffe file to leave out, with commas between: fc8,fc9."
    )
    lrn: bool | None = setting(
        None, "Local response normalization in AlexNet. Default: as recorded, else yes."
    )
    input_mean: tuple[str, ...] = setting(
        (),
        "What the network wants subtracted from images in [0, 1]; repeat it for R, G "
        "and B. Default: 0.4488, or 0 for a colorizer released for use.",
    )
    input_scale: float | None = setting(None, "Factor on that. Default: 1.")

    def of_import(self):
        """Returns the arguments of an import that were given, a dict."""
        names = "network", "skip", "lrn", "input_mean", "input_scale"
        given = {name: getattr(self, name) for name in names}
        given["skip"] = self.skip and self.skip.split(",")
        given["input_mean"] = tuple(map(float, self.input_mean)) or None
        return {name: value for name, value in given.items() if value is not None}


def main(options, given):
    """Imports or exports."""
    del given
    exporting, arguments = options.output.endswith(".h5"), options.of_import()
    suffix = ".h5" if exporting else ".keras"
    saving.checked_output(options.output, suffix, options.overwrite)
    if exporting and arguments:
        raise ValueError(
            "An export writes all of a model. Expected --source, --output, --gray and "
            f"--overwrite at most. Received: --{', --'.join(arguments)}"
        )
    if exporting:
        model = runs.open_run(options.source, ["backbone"]).model
    else:
        model, report = weights.import_model(options.source, **arguments)
    if options.gray:
        model = weights.rgb_to_gray(model)
    if exporting:
        report = weights.caffe.save(model, options.output, options.overwrite)
    else:
        weights.save(model, options.output, options.overwrite)
    logging.info("%s\nWritten: %s", report, options.output)


TOOL = Tool(__doc__, main, Options)
