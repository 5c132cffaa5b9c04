"""Two replicas train and evaluate every task like one device."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from selfsup import data, evaluation

import fakes
import voc_folders

# Logical devices must be made before TensorFlow starts: hence a process, one for all.
_SCRIPT = """
import json, sys
root, voc_dir, photos, tests = sys.argv[1:]
sys.path.insert(0, tests)
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from selfsup import data, evaluation, training
from selfsup.training import tasks
from selfsup.training.phases import Phase
from selfsup.training.strategies import default_strategy
import fakes, toy_task

def flat(model):
    return np.concatenate([v.numpy().ravel() for v in model.trainable_variables])

def draw(self, predict, parts):
    pass  # Takes longer than all steps.

# So does measuring.
tasks.colorization._BASELINE_BATCHES = 1
tasks.get("colorization").measure = lambda *args, **kwargs: {}

class Watched(Phase):
    def train(self):
        Watched.task, Watched.first = self.task, flat(self.model)
        batches = self.task.batches(self.parts["train"])
        Watched.targets = next(iter(batches))[1]
        return super().train()

training.entry.Phase = Watched
two, one = default_strategy(), tf.distribute.get_strategy()
assert two.num_replicas_in_sync == 2, two
small = dict(network="alexnet", width=1 / 64, dropout=0.0, seed=1)
color = dict(
    small, width=0.03, hidden=8, data=(photos,), crop_size=64, points=16, batch_size=8,
    steps=1, optimizer="sgd", learning_rate=0.1, schedule="multistep", warmup=0.0,
    val_fraction=0.0)
voc = dict(small, voc_dir=voc_dir, fov_blocks=0, batch_size=4, weight_decay=0.0,
    val_split="none")
configs = {
    "toy": toy_task.pretraining(dropout=0.0, batch_size=8),
    "colorization": training.ColorizationConfig.from_preset(**color),
    "segmentation": training.SegmentationConfig(
        **voc, hidden=8, points=32, hidden_stddev=0.1, crop_size=48, max_steps=8,
        eval_every=8, learning_rate=0.01),
    "classification": training.ClassificationConfig(
        **voc, crop_size=64, clip_norm=0.01, max_steps=1, learning_rate=0.1),
}
for name, config in configs.items():
    task_class = toy_task.Normalized if name == "toy" else tasks.of_config(config)
    task_class.draw = draw
    arrays = {}
    for devices, strategy in (("two", two), ("one", one)):
        workdir = f"{root}/{name}-{devices}"
        training.train(task_class(config), workdir, strategy=strategy)
        model = keras.saving.load_model(f"{workdir}/{task_class.kind}.keras")
        # The flag of synchronization must not travel: JAX refuses such a file.
        assert not any(getattr(layer, "synchronized", False) for layer in model.layers)
        arrays |= {devices: flat(model), f"first_{devices}": Watched.first}
    targets = {k: v.numpy() for k, v in Watched.targets.items()}
    np.savez(f"{root}/{name}.npz", **targets, **arrays)

with two.scope():
    segmenter = keras.saving.load_model(f"{root}/segmentation-two/segmenter.keras")
    classifier = keras.saving.load_model(f"{root}/classification-two/classifier.keras")
fakes.randomize(segmenter, bias=0.0)
report = evaluation.evaluate_segmentation(
    segmenter, data.voc.open_segmentation(voc_dir, "val"), strategy=two,
    stride=2, flip=True)
results, scores = evaluation.evaluate_classification(
    classifier, data.voc.open_classification(voc_dir, "test"), 48, crops=4, seed=3,
    strategy=two)
with open(f"{root}/evaluated.json", "w") as file:
    json.dump([report, results, scores.tolist()], file)
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
    tests = pathlib.Path(voc_folders.__file__).parent
    places = [root, folder.root, folder.root / "JPEGImages", tests]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *map(str, places)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return root


# Relative to what the steps changed. Normalization over the last maps, of one pixel
# and eight images, magnifies rounding; gradients counted twice would be off by 1, a
# mean over each replica's own points, or clipping by its own norm, by tenths.
@pytest.mark.parametrize(
    "name, tolerance",
    [
        ("toy", 1e-5),
        ("colorization", 1e-2),
        ("segmentation", 1e-5),
        ("classification", 1e-5),
    ],
)
def test_two_replicas_train_like_one_device(name, tolerance, runs):
    weights = np.load(runs / f"{name}.npz")
    np.testing.assert_array_equal(weights["first_two"], weights["first_one"])
    change = np.linalg.norm(weights["one"] - weights["first_one"])
    difference = np.linalg.norm(weights["two"] - weights["one"])
    assert change > 0
    assert difference < tolerance * change, difference / change


def test_the_replicas_had_unequal_shares_of_the_points(runs):
    labels = np.load(runs / "segmentation.npz")["classes"]
    first, second = np.sum(labels.reshape(2, -1) != voc_folders.VOID, axis=1)
    assert min(first, second) > 0
    assert max(first, second) > 1.3 * min(first, second)


def test_the_gradient_was_clipped(runs):
    weights = np.load(runs / "classification.npz")
    change = np.linalg.norm(weights["one"] - weights["first_one"])
    # Rate times greatest norm.
    assert change == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_the_held_out_scores_are_those_of_one_device(runs):
    for name in ("segmentation", "classification"):
        two, one = (
            json.loads((runs / f"{name}-{devices}" / "schedule.json").read_text())
            for devices in ("two", "one")
        )
        assert two["best_score"] == pytest.approx(one["best_score"], abs=0.02)


@pytest.fixture(scope="module")
def evaluated(runs):
    """Reports on segmentation and classification, and scores, by two replicas."""
    return json.loads((runs / "evaluated.json").read_text())


def test_two_replicas_segment_like_one_device(runs, evaluated):
    model = keras.saving.load_model(runs / "segmentation-two" / "segmenter.keras")
    fakes.randomize(model, bias=0.0)
    # Three: an odd number of images.
    samples = data.voc.open_segmentation(runs / "VOC", "val")
    expected = evaluation.evaluate_segmentation(model, samples, stride=2, flip=True)
    assert evaluated[0] == expected
    assert expected["images"] == 3
    # More than one class is predicted.
    assert np.sum(np.any(expected["confusion"], axis=0)) > 1


def test_two_replicas_classify_like_one_device(runs, evaluated):
    model = keras.saving.load_model(runs / "classification-two" / "classifier.keras")
    samples = data.voc.open_classification(runs / "VOC", "test")
    results, scores = evaluation.evaluate_classification(
        model, samples, 48, crops=4, seed=3
    )
    np.testing.assert_allclose(evaluated[2], scores, rtol=1e-5, atol=1e-5)
    assert evaluated[1] == json.loads(json.dumps(results))
