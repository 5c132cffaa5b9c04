"""Two replicas train and evaluate both tasks like one device."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from selfsup import data, evaluation

import voc_folders

# Logical devices must be made before TensorFlow starts: hence a process.
_SCRIPT = """
import dataclasses, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from selfsup import training
from selfsup.training import voc
from selfsup.training.strategies import default_strategy
from selfsup.training.voc_tasks import TASKS

def flat(model):
    return np.concatenate([v.numpy().ravel() for v in model.trainable_variables])

class Watched(voc.Search):
    def train(self):
        self.task.first = flat(self.model)
        self.task.labels = next(iter(self.task.batches(self.samples)))[1]["classes"]
        super().train()
        Watched.task = self.task

voc.Search = Watched
root, voc_dir = sys.argv[1:]
two = default_strategy()
assert two.num_replicas_in_sync == 2, two
for task, changes in (
    # Long enough to predict more than one class.
    ("segmentation", dict(
        crop_size=48, fov_blocks=0, max_steps=8, eval_every=8, learning_rate=0.01)),
    ("classification", dict(
        crop_size=64, clip_norm=0.01, max_steps=1, learning_rate=0.1)),
):
    arrays = {}
    for name, strategy in (("two", two), ("one", tf.distribute.get_strategy())):
        config = training.VocConfig.for_task(
            task, voc_dir=voc_dir, network="alexnet", width=1 / 64, hidden=8,
            points=32, hidden_stddev=0.1, dropout=0.0, batch_size=4,
            weight_decay=0.0, seed=1, **changes)
        if (task, name) != ("segmentation", "two"):
            # Evaluation takes longer than the step; once is enough.
            config = dataclasses.replace(config, val_split="none")
            TASKS[task].score = lambda *_: 0.5
            TASKS[task].sheet = lambda *_: None
        workdir = f"{root}/{task}-{name}"
        training.train_voc(config, workdir, strategy=strategy)
        model = keras.models.load_model(f"{workdir}/{Watched.task.model_file}")
        arrays[name] = flat(model)
        arrays[f"first_{name}"] = Watched.task.first
    np.savez(f"{root}/{task}.npz", labels=Watched.task.labels, **arrays)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, photos):
    """A folder with the runs; the images differ in how much is void."""
    root = tmp_path_factory.mktemp("replicas")
    folder = voc_folders.Folder(root / "VOC", photos, val=3)
    for number, name in enumerate(folder.names):
        with Image.open(folder.mask(name)) as image:
            mask = np.array(image)
        if number < 10:
            mask[: int(number / 12 * len(mask))] = voc_folders.VOID
        folder.save_mask(name, mask)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(root), str(folder.root)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return root


@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_two_replicas_equal_one_device(task, runs):
    weights = np.load(runs / f"{task}.npz")
    np.testing.assert_array_equal(weights["first_two"], weights["first_one"])
    change = np.linalg.norm(weights["one"] - weights["first_one"])
    difference = np.linalg.norm(weights["two"] - weights["one"])
    assert change > 0
    # Relative to what the steps changed. A mean over each replica's own points, or
    # clipping by its own norm, would be off by tenths.
    assert difference < 1e-5 * change, difference / change


def test_two_replicas_evaluate_like_one_device(runs):
    workdir = runs / "segmentation-two"
    model = keras.models.load_model(workdir / "segmenter.keras")
    samples = data.voc.open_segmentation(runs / "VOC", "val")
    expected = evaluation.evaluate_segmentation(model, samples)
    found = json.loads((workdir / "results.json").read_text())
    assert found["images"] == 3
    # More than one class is predicted.
    assert np.sum(np.any(found["confusion"], axis=0)) > 1
    assert found["confusion"] == expected["confusion"]
    assert found["image_iou"] == expected["image_iou"]


def test_the_replicas_had_unequal_shares_of_the_points(runs):
    labels = np.load(runs / "segmentation.npz")["labels"]
    first, second = np.sum(labels.reshape(2, -1) != voc_folders.VOID, axis=1)
    assert min(first, second) > 0
    assert max(first, second) > 1.3 * min(first, second)


def test_the_gradient_was_clipped(runs):
    weights = np.load(runs / "classification.npz")
    change = np.linalg.norm(weights["one"] - weights["first_one"])
    # Rate times greatest norm.
    assert change == pytest.approx(0.1 * 0.01, rel=1e-3)
