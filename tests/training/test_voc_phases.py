"""The search of a schedule and its replay, with scores that are made up."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data
from selfsup.training import VocConfig
from selfsup.training.plateau import Plateau
from selfsup.training.voc_phases import Replay, Search
from selfsup.training.voc_tasks import Classification

import fakes
import voc_folders

# By hand: new bests at 1 and 5; after each third evaluation without one the rate
# falls, at 4 and 8, and the third time, at 11, the run ends.
SCORES = dict(
    enumerate((0.1, 0.05, 0.1, 0.0, 0.3, 0.2, 0.3, 0.2, 0.1, 0.1, 0.1, 0.9), 1)
)
BEST, DROPS, END = 5, (4, 8), 11


class Scripted(Classification):
    """Classification of small crops whose scores are given.

    Args:
        config: As in `Classification`.
        failures: Number of times that drawing fails at the best step, between
            an evaluation and the checkpoint after it.
    """

    def __init__(self, config, failures=0):
        super().__init__(config)
        self.failures = failures
        self.weights = {}

    def predictor(self, model):
        return model

    def score(self, predict, samples, strategy):
        step = int(predict.optimizer.iterations)
        self.weights[step] = predict.get_weights()
        return SCORES[step]

    def sheet(self, predict, samples):
        if int(predict.optimizer.iterations) == BEST and self.failures:
            self.failures -= 1
            raise InterruptedError


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    return voc_folders.Folder(tmp_path_factory.mktemp("data") / "VOC", photos)


@pytest.fixture(scope="module")
def samples(folder):
    return data.voc.open_classification(folder.root, "trainval")


@pytest.fixture(scope="module")
def backbone():
    # Of so few channels some seeds leave none alive.
    keras.utils.set_random_seed(0)
    return fakes.network(
        "alexnet", normalization="none", dropout=0.0, kernel_initializer="he_normal"
    )


def _config(backbone, **changes):
    changes = {"crop_size": 32, "batch_size": 4, "dropout": 0.0, **changes}
    changes = {"clip_norm": 0.0, "eval_every": 1, "log_every": 1, **changes}
    changes = {"weight_decay": 0.1, "learning_rate": 0.01, **changes}
    config = VocConfig.for_task("classification", voc_dir="VOC", **changes)
    return config.resolved(backbone)


def _search(folder, backbone, samples, steps=24, failures=0, **changes):
    config = _config(backbone, **changes)
    task = Scripted(config, failures)
    training, held_out = samples.subset(range(8)), samples.subset((8, 9))
    strategy = tf.distribute.get_strategy()
    return Search(held_out, config, task, backbone, training, folder, strategy, steps)


@pytest.fixture(scope="module")
def searched(tmp_path_factory, backbone, samples):
    search = _search(tmp_path_factory.mktemp("search"), backbone, samples)
    search.before = search.model.get_weights()
    search.train()
    return search


def _rates(folder):
    with (folder / "log.csv").open(newline="") as file:
        return {
            int(float(row["step"])): float(row["learning_rate"])
            for row in csv.DictReader(file)
        }


def _by_hand(model, before, config, samples, rates):
    """Caffe's descent step by step: momentum 0.9, decay of kernels only.

    Returns the weights after every step.
    """
    model.set_weights(before)
    variables = model.trainable_variables
    speeds = [np.zeros(v.shape) for v in variables]
    stream = data.voc.classification_batches(
        samples, crop_size=32, batch_size=4, seed=config.seed
    )
    reached = []
    for rate, (inputs, targets, _, _) in zip(
        rates, stream.as_numpy_iterator(), strict=False
    ):
        labels = targets["classes"]
        known = tf.constant(labels != 255, tf.float32)
        with tf.GradientTape() as tape:
            logits = model(inputs, training=False)["classes"]
            losses = tf.nn.sigmoid_cross_entropy_with_logits(known * labels, logits)
            loss = tf.reduce_mean(tf.reduce_sum(known * losses, axis=1))
        gradients = tape.gradient(loss, [v.value for v in variables])
        for i, (variable, gradient) in enumerate(
            zip(variables, gradients, strict=True)
        ):
            value = variable.numpy()
            decay = config.weight_decay if value.ndim > 1 else 0.0
            speeds[i] = 0.9 * speeds[i] - rate * (gradient + decay * value)
            variable.assign(value + speeds[i])
        reached.append(model.get_weights())
    return reached


def _assert_moved_alike(actual, expected, before):
    """Relative to the change, as 11 steps in float32 may be."""
    actual, expected, before = (
        np.concatenate([x.ravel() for x in arrays])
        for arrays in (actual, expected, before)
    )
    change = np.linalg.norm(expected - before)
    assert change > 0.01
    assert np.linalg.norm(actual - expected) < 1e-4 * change


def test_the_rule_ends_the_run_and_the_rate_falls_on_the_way(searched):
    assert _rates(searched.folder) == pytest.approx(
        {
            **dict.fromkeys((1, 2, 3, 4), 1e-2),
            **dict.fromkeys((5, 6, 7, 8), 1e-3),
            **dict.fromkeys((9, 10, 11), 1e-4),
        }
    )


def test_the_weights_move_at_these_rates(searched):
    rates = [1e-2] * 4 + [1e-3] * 4 + [1e-4] * 3
    before, model = searched.before, searched.portable()[1]
    by_hand = _by_hand(model, before, searched.config, searched.samples, rates)
    assert sorted(searched.task.weights) == list(range(1, END + 1))
    for step, expected in enumerate(by_hand, 1):
        _assert_moved_alike(searched.task.weights[step], expected, before)


def _assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_best_evaluation_is_kept_not_the_last(searched):
    backbone, model = searched.best()
    _assert_same(model.get_weights(), searched.task.weights[BEST])
    kernel = model.get_layer("prediction").kernel.numpy()
    last = searched.model.get_layer("prediction").kernel.numpy()
    assert not np.array_equal(kernel, last)
    for layer in backbone.layers:
        _assert_same(layer.get_weights(), model.get_layer(layer.name).get_weights())


def test_the_schedule_is_written(searched):
    schedule = json.loads((searched.folder / "schedule.json").read_text())
    assert schedule == {
        "learning_rate": 0.01,
        "eval_every": 1,
        "score": "map_area",
        "drops": list(DROPS),
        "best_step": BEST,
        "best_score": 0.3,
        "finished": True,
        "evaluations": [[step, SCORES[step]] for step in range(1, END + 1)],
    }


def test_the_log_has_the_scores(searched):
    with (searched.folder / "log.csv").open(newline="") as file:
        scores = [float(row["val_map_area"]) for row in csv.DictReader(file)]
    assert scores == [SCORES[step] for step in range(1, END + 1)]


def _replay(folder, backbone, samples, **changes):
    state = Plateau(best_step=6, best_score=0.3, drops=(2, 4))
    config = _config(backbone, eval_every=2, **changes)
    strategy = tf.distribute.get_strategy()
    return Replay(state, config, Scripted(config), backbone, samples, folder, strategy)


def test_the_replay_drops_the_rate_where_the_search_did(
    tmp_path, searched, backbone, samples
):
    replay = _replay(tmp_path, backbone, samples)
    before = searched.before
    _assert_same(replay.model.get_weights(), before)
    replay.train()
    rates = [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4]
    assert _rates(tmp_path) == pytest.approx(dict(enumerate(rates, 1)))
    model = replay.portable()[1]
    actual = model.get_weights()
    by_hand = _by_hand(model, before, replay.config, samples, rates)
    _assert_moved_alike(actual, by_hand[-1], before)


def test_a_replay_that_was_stopped_goes_on_where_it_was(
    tmp_path, backbone, samples, monkeypatch
):
    unbroken = _replay(tmp_path / "unbroken", backbone, samples, dropout=0.5)
    unbroken.train()
    stopped = _replay(
        tmp_path / "stopped", backbone, samples, dropout=0.5, checkpoint_seconds=0.0
    )
    follow = stopped._follow

    def following(step):
        if step > 3:
            raise InterruptedError
        follow(step)

    monkeypatch.setattr(stopped, "_follow", following)
    with pytest.raises(InterruptedError):
        stopped.train()
    assert max(_rates(tmp_path / "stopped")) == 3
    resumed = _replay(tmp_path / "stopped", backbone, samples, dropout=0.5)
    resumed.train()
    _assert_same(resumed.model.get_weights(), unbroken.model.get_weights())
    assert _rates(tmp_path / "stopped") == _rates(tmp_path / "unbroken")
    # Once more there is nothing left to do.
    again = _replay(tmp_path / "stopped", backbone, samples, dropout=0.5)
    again.train()
    _assert_same(again.model.get_weights(), unbroken.model.get_weights())


def test_a_run_that_is_never_stopped_ends_at_the_greatest_number_of_steps(
    tmp_path, backbone, samples
):
    search = _search(tmp_path, backbone, samples, steps=3, eval_every=2)
    search.train()
    # It is evaluated at the end too.
    assert search.evaluations == [(2, 0.05), (3, 0.1)]
    assert (search.state.best_step, search.state.finished) == (3, False)
    # A longer run goes on from there, as one that was longer from the beginning,
    # which has not looked at step 3.
    longer = _search(tmp_path, backbone, samples, steps=4, eval_every=2)
    longer.train()
    assert longer.evaluations == [(2, 0.05), (4, 0.0)]
    assert longer.state.best_step == 2
    _assert_same(longer.best()[1].get_weights(), search.task.weights[2])


def test_kills_between_an_evaluation_and_its_checkpoint_lose_nothing(
    tmp_path, searched, backbone, samples
):
    for _ in range(2):
        search = _search(tmp_path, backbone, samples, failures=1)
        with pytest.raises(InterruptedError):
            search.train()
    assert search.state.best_step == BEST
    # The newest checkpoint is that of the best before: its model is still there.
    short = _search(tmp_path, backbone, samples, steps=1)
    short.train()
    assert short.state.best_step == 1
    _assert_same(short.best()[1].get_weights(), searched.task.weights[1])
    search = _search(tmp_path, backbone, samples)
    search.train()
    assert search.schedule() == searched.schedule()
    _assert_same(search.model.get_weights(), searched.model.get_weights())
    _assert_same(search.best()[1].get_weights(), searched.task.weights[BEST])
    assert _rates(tmp_path) == _rates(searched.folder)


def test_a_finished_search_does_nothing_again(searched, backbone, samples):
    search = _search(searched.folder, backbone, samples)
    search.train()
    assert not search.task.weights
    assert search.schedule() == searched.schedule()
    _assert_same(search.best()[1].get_weights(), searched.task.weights[BEST])


def test_other_images_are_refused_when_a_search_goes_on(searched, backbone, samples):
    search = _search(searched.folder, backbone, samples.subset(range(9, -1, -1)))
    with pytest.raises(ValueError, match="not those that the run began with"):
        search.train()


def test_only_two_of_the_best_models_are_kept(searched):
    names = {path.name for path in (searched.folder / "best").iterdir()}
    assert names == {"00000001.keras", "00000005.keras"}


@pytest.mark.parametrize("trainable", ["none", "fc6"])
def test_layers_below_do_not_change(trainable, tmp_path, backbone, samples):
    search = _search(tmp_path, backbone, samples, steps=2, trainable=trainable)
    search.train()
    trained = search.portable()[0]
    learned = set()
    for layer in backbone.layers:
        for ours, before in zip(
            trained.get_layer(layer.name).weights, layer.weights, strict=True
        ):
            if not np.array_equal(ours.numpy(), before.numpy()):
                learned.add(ours.path)
    top = {"fc6/kernel", "bias6/bias", "fc7/kernel", "bias7/bias"}
    assert learned == (top if trainable == "fc6" else set())
    prediction = search.model.get_layer("prediction")
    assert np.any(prediction.bias.numpy() != 0)


def test_models_are_saved_in_float32_whatever_the_precision(
    tmp_path, backbone, samples
):
    search = _search(tmp_path, backbone, samples, precision="bfloat16")
    assert search.model.get_layer("fc6").compute_dtype == "bfloat16"
    for model in search.portable():
        assert model.get_layer("fc6").compute_dtype == "float32"
        assert all(x.dtype == "float32" for x in keras.tree.flatten(model.output))
    _assert_same(search.portable()[1].get_weights(), search.model.get_weights())
