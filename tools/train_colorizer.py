"""Pretrains a network by colorizing unlabelled photographs.

    python tools/train_colorizer.py
    python tools/train_colorizer.py --data my_photos --workdir runs/mine --steps 3000
    python tools/train_colorizer.py --preset paper --network alexnet --data photos

The first line trains on the photographs that come with the package. The workdir
then holds samples.png and curves.png to look at, backbone.keras to go on with,
colorizer.keras, results.json, log.csv and tensorboard/. The same command again
resumes a run that was stopped. Flags that are not given come from the preset.
"""

import _app
from absl import flags, logging

from selfsup import training

_WORKDIR = flags.DEFINE_string("workdir", "runs/colorizer", "Folder of the run.")
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Remove the run in the workdir and start anew."
)
_given = _app.define(training.ColorizerConfig)


def main():
    config = training.ColorizerConfig.from_preset(**_given())
    results = training.train_colorizer(config, _WORKDIR.value, _OVERWRITE.value)
    for part in ("training", "held_out"):
        for name in ("hue", "chroma", "ab"):
            if name in results.get(part, {}):
                logging.info(
                    "%s %s: %.4f, without looking at the image: %.4f",
                    part.replace("_", "-"),
                    name,
                    results[part][name],
                    results[part][f"{name}_baseline"],
                )
    logging.info("Look at %s/samples.png", _WORKDIR.value)


if __name__ == "__main__":
    _app.run(main)
