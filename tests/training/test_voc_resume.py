"""A downstream run that was killed ends like one that was not."""

import csv
import json
import signal
import subprocess
import sys
import time

import keras
import numpy as np

from selfsup import training

import voc_folders

SETTINGS = dict(
    network="alexnet",
    width=1 / 64,
    crop_size=48,
    batch_size=4,
    hidden=8,
    hidden_stddev=0.1,
    points=16,
    max_steps=6,
    eval_every=2,
    log_every=3,
    dropout=0.5,
)

_KILLED = """
import sys
from selfsup import training
config = training.VocConfig.for_task(**eval(sys.argv[2]), checkpoint_seconds=0.0)
training.train_voc(config, sys.argv[1])
"""


def _log(workdir):
    with (workdir / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: float(row[name]) for name in row if name != "steps_per_second"}
        for row in rows
    ]


def test_a_killed_run_ends_like_the_unbroken_one(tmp_path, photos):
    folder = voc_folders.Folder(tmp_path / "VOC", photos)
    settings = {**SETTINGS, "voc_dir": str(folder.root)}
    killed, unbroken = tmp_path / "killed", tmp_path / "unbroken"
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(killed), repr(settings)],
        stderr=subprocess.DEVNULL,
    )
    while not list((killed / "checkpoints").glob("*.index")):
        assert process.poll() is None, "ended before its first checkpoint"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "segmenter.keras").exists(), "killed too late to tell"
    config = training.VocConfig.for_task(**settings)
    for workdir in (unbroken, killed):
        training.train_voc(config, workdir)
    for name in ("segmenter.keras", "backbone.keras"):
        models = [keras.models.load_model(path / name) for path in (unbroken, killed)]
        for one, other in zip(*(x.get_weights() for x in models), strict=True):
            np.testing.assert_array_equal(one, other)
    for name in ("schedule.json", "results.json", "images.json"):
        contents = [json.loads((x / name).read_text()) for x in (unbroken, killed)]
        assert contents[0] == contents[1], name
    np.testing.assert_equal(_log(killed), _log(unbroken))
