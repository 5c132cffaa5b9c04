"""Trains a network for VOC segmentation or classification.

    python tools/train_voc.py --voc_dir VOCdevkit --init runs/colorizer
    python tools/train_voc.py --voc_dir VOCdevkit --task classification
    python tools/train_voc.py --voc_dir VOCdevkit --sbd_dir benchmark_RELEASE \\
        --init runs/colorizer --retrain_on_all

A tenth of the training images is held out; the learning rate falls and the run
ends when the score on them stops improving, and the best weights are kept. The
workdir then holds segmenter.keras (or classifier.keras), backbone.keras,
schedule.json, results.json, samples.png, curves.png, log.csv and tensorboard/.
The same command again resumes a run that was stopped. Flags that are not given
are the paper's for the task.
"""

import _app
from absl import flags, logging

from selfsup import training

_WORKDIR = flags.DEFINE_string("workdir", "runs/voc", "Folder of the run.")
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Remove the run in the workdir and start anew."
)
_given = _app.define(training.VocConfig)


def main():
    config = training.VocConfig.for_task(**_given())
    results = training.train_voc(config, _WORKDIR.value, _OVERWRITE.value)
    logging.info("\n%s", training.voc_table(results))
    logging.info("Look at %s/curves.png", _WORKDIR.value)


if __name__ == "__main__":
    _app.run(main)
