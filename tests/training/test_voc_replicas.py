"""Two replicas train and evaluate both tasks like one device."""

import json
import subprocess
import sys

import numpy as np
import pytest
import voc_folders
from PIL import Image

# Logical devices must be made before TensorFlow starts: hence a process.
_SCRIPT = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from selfsup import training
from selfsup.training import voc
from selfsup.training.strategies import default_strategy

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
    ("segmentation", dict(crop_size=48, fov_blocks=0)),
    ("classification", dict(crop_size=199, clip_norm=0.01)),
):
    config = training.VocConfig.for_task(
        task, voc_dir=voc_dir, network="alexnet", width=1 / 64, hidden=8, points=32,
        hidden_stddev=0.1, dropout=0.0, batch_size=4, max_steps=1, learning_rate=0.1,
        weight_decay=0.0, **changes)
    arrays = {}
    for name, strategy in (("two", two), ("one", tf.distribute.get_strategy())):
        workdir = f"{root}/{task}-{name}"
        training.train_voc(config, workdir, strategy=strategy)
        model = keras.models.load_model(f"{workdir}/{Watched.task.model_file}")
        arrays[name] = flat(model)
        arrays[f"first_{name}"] = Watched.task.first
    np.savez(f"{root}/{task}.npz", labels=Watched.task.labels, **arrays)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, photos):
    """A folder with the runs of one step; the images differ in how much is void."""
    root = tmp_path_factory.mktemp("replicas")
    folder = voc_folders.Folder(root / "VOC", photos)
    for number, name in enumerate(folder.names):
        with Image.open(folder.mask(name)) as image:
            mask = np.array(image)
        if number % 2:
            mask[: int(0.8 * len(mask))] = voc_folders.VOID
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
    # Relative to what the step changed. A mean over each replica's own points,
    # or its own norm, would be off by far more.
    assert difference < 1e-5 * change, difference / change
    results = [
        json.loads((runs / f"{task}-{name}" / "results.json").read_text())
        for name in ("one", "two")
    ]
    for name in ("mean_iou", "map_area", "held_out_mean_iou", "held_out_map_area"):
        if name in results[0]:
            assert results[1][name] == pytest.approx(results[0][name], abs=1e-3)


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
