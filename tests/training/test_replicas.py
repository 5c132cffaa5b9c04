"""Two replicas train and evaluate like one device."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from selfsup import data, evaluation, heads, networks

import fakes
import voc_folders

pytestmark = pytest.mark.slow

# Logical devices must be made before TensorFlow starts: hence a process, one for all.
_SCRIPT = """
import json, sys
root, voc_dir, tests = sys.argv[1:]
sys.path.insert(0, tests)
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from selfsup import data, evaluation, training
from selfsup.training import tasks
from selfsup.training import entry
from selfsup.training.phases import Phase
from selfsup.training.strategies import default_strategy
from selfsup.weights.nesting import all_layers
import toy_task

def flat(model):
    return np.concatenate([v.numpy().ravel() for v in model.trainable_variables])

class Watched(Phase):
    def train(self):
        Watched.first = flat(self.task.product(self.model))
        batches = self.task.batches(self.parts["train"])
        Watched.targets = next(iter(batches))[1]
        return super().train()

entry.Phase = Watched
two, one = default_strategy(), tf.distribute.get_strategy()
assert two.num_replicas_in_sync == 2, two
Segmentation = tasks.get("segmentation")
# Take longer than all steps; evaluations come at the end.
Segmentation.measure = lambda *args, **kwargs: {"mean_iou": 0.5}
Segmentation.draw = lambda *args: None
makers = {
    # Batch normalization, an average, a schedule, decay, biases at twice the rate.
    "normalized": lambda: toy_task.Normalized(
        toy_task.pretraining(dropout=0.0, batch_size=8)),
    "clipped": lambda: toy_task.ToySearch(
        toy_task.search(dropout=0.0, clip_norm=0.01, weight_decay=0.0, max_steps=1,
                        learning_rate=0.1, accumulation=2)),
    "segmentation": lambda: Segmentation(training.SegmentationConfig(
        voc_dir=voc_dir, network="alexnet", width=1 / 64, dropout=0.0, seed=1,
        fov_blocks=0, batch_size=4, weight_decay=0.0, val_split="none", hidden=8,
        points=32, hidden_stddev=0.1, crop_size=48, max_steps=3, eval_every=3,
        learning_rate=0.01)),
}
# Batch normalization inside of a model within, with statistics of its own.
Joint = tasks.get("colorization+jigsaw")
makers["nested"] = lambda: Joint(Joint.Config.from_preset(
    network="alexnet", width=1 / 64, dropout=0.0, hidden=8, crop_size=40, batch_size=4,
    steps=2, log_every=2, eval_every=2, val_fraction=0.0, optimizer="sgd", points=16,
    bins=8, learning_rate=0.01, schedule="multistep", warmup=0.0))
for name, make in makers.items():
    arrays = {}
    for devices, strategy in (("two", two), ("one", one)):
        workdir, task = f"{root}/{name}-{devices}", make()
        training.train(task, workdir, strategy=strategy)
        model = keras.saving.load_model(f"{workdir}/{task.kind}.keras")
        # The flag of synchronization must not travel: JAX refuses such a file.
        assert not any(
            getattr(layer, "synchronized", False) for layer in all_layers(model))
        arrays |= {devices: flat(model), f"first_{devices}": Watched.first}
    targets = {k: v.numpy() for k, v in Watched.targets.items()}
    np.savez(f"{root}/{name}.npz", **targets, **arrays)

with two.scope():
    segmenter = keras.saving.load_model(f"{root}/segmenter.keras")
    classifier = keras.saving.load_model(f"{root}/classifier.keras")
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
def models():
    """A segmenter and a classifier of any weights."""
    backbone = fakes.network("alexnet", normalization="none")
    segmenter = heads.segmenter(backbone, networks.taps(backbone), 3, hidden=8)
    classifier = heads.classifier(backbone, 2)
    return fakes.randomize(segmenter, bias=0.0), classifier


@pytest.fixture(scope="module")
def runs(tmp_path_factory, photos, models):
    """A folder with the runs; the images differ in how much is void."""
    root = tmp_path_factory.mktemp("replicas")
    # Three to evaluate: an odd number.
    folder = voc_folders.Folder(root / "VOC", photos, val=3)
    for number, name in enumerate(folder.names):
        with Image.open(folder.mask(name)) as image:
            mask = np.array(image)
        if number < 10:
            mask[: int(number / 12 * len(mask))] = voc_folders.VOID
        folder.save_mask(name, mask)
    for model, name in zip(models, ("segmenter", "classifier"), strict=True):
        model.save(root / f"{name}.keras")
    places = [root, folder.root, pathlib.Path(voc_folders.__file__).parent]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *map(str, places)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return root


# Relative to what the steps changed. Gradients counted twice would be off by 1; a mean
# over each replica's own points, or clipping by its own norm, by tenths.
@pytest.mark.parametrize("name", ["normalized", "clipped", "segmentation", "nested"])
def test_two_replicas_train_like_one_device(name, runs):
    weights = np.load(runs / f"{name}.npz")
    np.testing.assert_array_equal(weights["first_two"], weights["first_one"])
    change = np.linalg.norm(weights["one"] - weights["first_one"])
    difference = np.linalg.norm(weights["two"] - weights["one"])
    assert change > 0
    assert difference < 1e-5 * change, difference / change


def test_the_replicas_had_unequal_shares_of_the_points(runs):
    labels = np.load(runs / "segmentation.npz")["classes"]
    first, second = np.sum(labels.reshape(2, -1) != voc_folders.VOID, axis=1)
    assert min(first, second) > 0
    assert max(first, second) > 1.3 * min(first, second)


def test_the_gradient_was_clipped(runs):
    weights = np.load(runs / "clipped.npz")
    change = np.linalg.norm(weights["one"] - weights["first_one"])
    # Rate times greatest norm.
    assert change == pytest.approx(0.1 * 0.01, rel=1e-3)


@pytest.fixture(scope="module")
def evaluated(runs):
    """Reports on segmentation and classification, and scores, by two replicas."""
    return json.loads((runs / "evaluated.json").read_text())


def test_two_replicas_segment_like_one_device(runs, models, evaluated):
    samples = data.voc.open_segmentation(runs / "VOC", "val")
    expected = evaluation.evaluate_segmentation(models[0], samples, stride=2, flip=True)
    assert evaluated[0] == expected
    assert expected["images"] == 3
    # More than one class is predicted.
    assert np.sum(np.any(expected["confusion"], axis=0)) > 1


def test_two_replicas_classify_like_one_device(runs, models, evaluated):
    samples = data.voc.open_classification(runs / "VOC", "test")
    results, scores = evaluation.evaluate_classification(
        models[1], samples, 48, crops=4, seed=3
    )
    np.testing.assert_allclose(evaluated[2], scores, rtol=1e-5, atol=1e-5)
    assert evaluated[1] == json.loads(json.dumps(results))
