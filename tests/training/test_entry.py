"""The two doors, on a task of eleven parameters: what is left and what is refused."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task
from toy_task import BEST, assert_same

from selfsup import locking, runs, training
from selfsup.training import loop
from selfsup.training.phases import Phase

WORKDIR_FILES = {
    ".lock",
    "backbone.keras",
    "checkpoints",
    "classifier.keras",
    "config.json",
    "curves.png",
    "images.json",
    "log.csv",
    "results.json",
    "tensorboard",
}


def _pretraining(**changes):
    return toy_task.ToyPretraining(toy_task.pretraining(**changes))


def _search(parts=None, **changes):
    return toy_task.ToySearch(toy_task.search(**changes), parts=parts)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A finished run of fixed length."""
    workdir = tmp_path_factory.mktemp("pretrained")
    training.train(_pretraining(), workdir)
    return workdir


@pytest.fixture(scope="module")
def retrained(tmp_path_factory):
    """A finished search, retrained on all samples."""
    workdir = tmp_path_factory.mktemp("retrained")
    training.train(_search(retrain_on_all=True), workdir)
    return workdir


def _json(path):
    return json.loads(path.read_text())


def test_a_second_run_is_refused_before_anything_is_opened(tmp_path):
    task = _pretraining()
    task.open = pytest.fail
    with (
        locking.locked(tmp_path),
        pytest.raises(BlockingIOError, match=f"{tmp_path}, used by process"),
    ):
        training.train(task, tmp_path)
    assert os.listdir(tmp_path) == [locking.NAME]


def test_a_damaged_log_does_not_stop_a_finished_run(pretrained, tmp_path):
    workdir = shutil.copytree(pretrained, tmp_path / "run")
    before, log = _json(workdir / "results.json"), workdir / "log.csv"
    whole = log.read_bytes()
    # As two processes write at once, and as a disk loses a block.
    rows = whole.splitlines(True)
    damaged = [
        *rows[:3],
        rows[3][:9] + rows[3],
        b"1,2,3,4,5,6,7,8,9,9,9,9\n",
        b"\0\xff",
    ]
    log.write_bytes(b"".join([*damaged, *rows[4:]]))
    assert training.train(_pretraining(), workdir) == before
    assert set(rows[4:]) - {rows[4]} <= set(log.read_bytes().splitlines(True))


def _weights(path):
    return keras.saving.load_model(path).get_weights()


def test_a_workdir_of_fixed_length_holds_everything(pretrained):
    assert set(os.listdir(pretrained)) == WORKDIR_FILES | {"snapshots"}
    config = _pretraining().config
    assert _json(pretrained / "config.json") == {
        "task": "toy_pretraining",
        **config.to_json(),
    }
    assert _json(pretrained / "results.json") == {
        "steps": 30,
        "samples": {"train": 8, "held_out": 4},
    }


def test_a_workdir_of_a_search_holds_everything(retrained):
    assert set(os.listdir(retrained)) == WORKDIR_FILES | {
        "best",
        "retrained",
        "schedule.json",
    }
    assert _json(retrained / "results.json") == {
        "best_step": BEST,
        "held_out_score": 0.3,
        "held_out_score_above_baseline": True,
        "held_out_score_baseline": -1.0,
        "retrained_on_all": True,
        "samples": {"train": 8, "held_out": 4},
    }
    assert set(os.listdir(retrained / "retrained")) == {
        "checkpoints",
        "curves.png",
        "images.json",
        "log.csv",
        "tensorboard",
    }


def test_the_result_of_retraining_replaces_that_of_the_search(retrained):
    final = _weights(retrained / "classifier.keras")
    found = _weights(retrained / "best" / f"{BEST:08d}.keras")
    assert not np.array_equal(final[0], found[0])
    assert toy_task.log(retrained / "retrained")[-1]["step"] == BEST
    images = _json(retrained / "images.json")
    assert "8 images" in images["training"] and "4 images" in images["held_out"]
    images = _json(retrained / "retrained" / "images.json")
    assert list(images) == ["training"] and "12 images" in images["training"]


def test_without_retraining_the_result_is_that_of_the_search(retrained, tmp_path):
    results = training.train(_search(), tmp_path)
    assert results["retrained_on_all"] is False
    final = _weights(tmp_path / "classifier.keras")
    assert_same(final, _weights(tmp_path / "best" / f"{BEST:08d}.keras"))
    # Both began with the same search.
    assert_same(final, _weights(retrained / "best" / f"{BEST:08d}.keras"))
    # It may be asked for later.
    training.train(_search(retrain_on_all=True), tmp_path)
    assert_same(
        _weights(tmp_path / "classifier.keras"),
        _weights(retrained / "classifier.keras"),
    )


@pytest.mark.parametrize("constant", [0.3, 0.2])
def test_a_search_that_learned_nothing_says_so(constant, tmp_path, caplog):
    task = _search(max_steps=6)
    task.constant = constant
    results = training.train(task, tmp_path)
    assert results["held_out_score"] == 0.3
    assert results["held_out_score_baseline"] == constant
    assert results["held_out_score_above_baseline"] == (constant == 0.2)
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    line = "learned nothing.* held_out_score is 30.00 %, and 30.00 % that of the"
    assert len(warnings) == (constant == 0.3)
    assert all(re.search(line, warning) for warning in warnings)


@pytest.mark.parametrize("run", ["pretrained", "retrained"])
def test_the_backbone_is_the_models(run, request):
    workdir = request.getfixturevalue(run)
    model = _weights(workdir / "classifier.keras")
    assert_same(_weights(workdir / "backbone.keras"), model[:2])


@pytest.mark.parametrize(
    "run, task",
    [
        ("pretrained", _pretraining()),
        ("retrained", _search(retrain_on_all=True)),
    ],
    ids=["pretrained", "retrained"],
)
def test_a_finished_run_is_only_measured_again(run, task, request, monkeypatch):
    workdir = request.getfixturevalue(run)

    def run_again(*args, **kwargs):
        raise AssertionError("trained again")

    names = {"log.csv", "results.json", "config.json", "images.json"}
    before = {name: (workdir / name).read_bytes() for name in names}
    weights = _weights(workdir / "classifier.keras")
    monkeypatch.setattr(loop, "run", run_again)
    results = training.train(task, workdir)
    assert {name: (workdir / name).read_bytes() for name in names} == before
    assert results == _json(workdir / "results.json")
    assert_same(_weights(workdir / "classifier.keras"), weights)


def test_fewer_steps_than_done_are_not_claimed(pretrained, tmp_path):
    workdir = shutil.copytree(pretrained, tmp_path / "run")
    assert training.train(_pretraining(steps=20), workdir)["steps"] == 30


@pytest.mark.slow
def test_a_longer_run_goes_on(tmp_path):
    training.train(_pretraining(steps=6), tmp_path)
    task = _pretraining(steps=12)
    assert training.train(task, tmp_path)["steps"] == 12
    assert len(task.indices) == 6 * 4
    assert [row["step"] for row in toy_task.log(tmp_path)] == [6, 7, 10, 12]


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(seed=5), "seed .there 0, now 5.$"),
        (dict(batch_size=2, dropout=0.0), "batch_size .* dropout .there 0.5, now 0.0"),
    ],
    ids=["seed", "two"],
)
def test_other_settings_are_refused(changes, message, pretrained):
    before = (pretrained / "config.json").read_bytes()
    with pytest.raises(ValueError, match=f"with other settings.*{message}"):
        training.train(_pretraining(**changes), pretrained)
    assert (pretrained / "config.json").read_bytes() == before


def test_another_task_is_refused(pretrained):
    message = "task .there 'toy_pretraining', now 'toy_search'"
    with pytest.raises(ValueError, match=message):
        training.train(_search(), pretrained)


def test_other_samples_are_refused(retrained):
    parts = {**_search().parts, "held_out": toy_task.Numbers(4, first=9)}
    with pytest.raises(ValueError, match="not those that the run began with"):
        training.train(_search(parts, retrain_on_all=True), retrained)


def test_overwrite_starts_anew_and_removes_nothing_else(retrained, tmp_path):
    workdir = shutil.copytree(retrained, tmp_path / "run")
    (workdir / "notes.txt").write_text("mine")
    results = training.train(_pretraining(steps=2, seed=3), workdir, overwrite=True)
    assert results["steps"] == 2
    assert set(os.listdir(workdir)) == WORKDIR_FILES | {"notes.txt"}
    assert [row["step"] for row in toy_task.log(workdir)] == [2]


class _Two:
    """A strategy that would split batches."""

    num_replicas_in_sync = 2


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(jit=True), "jit=True, 2 devices"),
        (dict(batch_size=3), "2 devices x 1 parts.*batch_size=3"),
    ],
    ids=["jit", "batch_size"],
)
def test_what_does_not_fit_the_devices_is_refused_first(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        training.train(_pretraining(**changes), tmp_path / "run", strategy=_Two())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", ["resolve", "open", "check", "backbone"])
def test_what_a_task_refuses_leaves_an_earlier_run_alone(method, pretrained, tmp_path):
    def refuse(*args):
        raise ValueError("of no use")

    for workdir in (pretrained, tmp_path / "run"):
        task = _pretraining()
        setattr(task, method, refuse)
        with pytest.raises(ValueError, match="of no use"):
            training.train(task, workdir, overwrite=True)
    assert set(os.listdir(pretrained)) == WORKDIR_FILES | {"snapshots"}
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_new_weights_depend_on_the_seed_alone(tmp_path):
    drawn = _pretraining(steps=1)
    opened = drawn.open
    drawn.open = lambda part: (keras.layers.Dense(1).build((1, 1)), opened(part))[1]
    for number, task in enumerate((drawn, _pretraining(steps=1))):
        training.train(task, tmp_path / str(number))
    assert_same(*(_weights(tmp_path / number / "classifier.keras") for number in "01"))


def test_a_home_folder_is_meant(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    training.train(_pretraining(steps=1), "~/run")
    assert (tmp_path / "run" / "results.json").exists()


def test_too_large_a_batch_is_reported_with_a_smaller_one(tmp_path, monkeypatch):
    def exhausted(*args, **kwargs):
        raise MemoryError("OOM when allocating")

    monkeypatch.setattr(loop, "run", exhausted)
    with pytest.raises(MemoryError, match="such as batch_size=2.*batch_size=4"):
        training.train(_pretraining(), tmp_path)


def test_a_diverging_run_stops_and_keeps_its_last_good_checkpoint(tmp_path):
    task = _pretraining(
        learning_rate=100.0, warmup=0.0, steps=100, checkpoint_seconds=0.0
    )
    with pytest.raises(FloatingPointError, match="at step [0-9]+; the newest"):
        training.train(task, tmp_path)
    checkpoints = sorted((tmp_path / "checkpoints").glob("*.index"))
    assert checkpoints
    for path in checkpoints:
        values = tf.train.load_checkpoint(str(path.with_suffix("")))
        for name in values.get_variable_to_shape_map():
            value = np.asarray(values.get_tensor(name))
            assert value.dtype.kind != "f" or np.all(np.isfinite(value)), name
    assert not (tmp_path / "classifier.keras").exists()


def test_a_diverged_run_goes_on_with_a_lower_rate(tmp_path):
    changes = dict(schedule="constant", warmup=0.0, checkpoint_seconds=0.0)
    task = _pretraining(learning_rate=0.02, **changes)
    batches = task.batches

    def spoiled(*args):
        # Of the 16th step, as of a rate that is too high.
        factors = tf.data.Dataset.counter(0).map(
            lambda n: tf.where(n == 15, np.nan, 1.0)
        )
        return tf.data.Dataset.zip(batches(*args), factors).map(
            lambda batch, factor: ({"gray": factor * batch[0]["gray"]}, *batch[1:])
        )

    task.batches = spoiled
    with pytest.raises(FloatingPointError, match="at step 16;.*--learning_rate"):
        training.train(task, tmp_path)
    lower = _pretraining(learning_rate=0.01, **changes)
    assert training.train(lower, tmp_path)["steps"] == 30
    assert lower.trained == 30 and 0 < 30 - len(lower.indices) // 4 < 16
    for row in toy_task.log(tmp_path):
        rate = 0.01 if row["step"] > 14 else 0.02
        assert row["learning_rate"] == pytest.approx(rate)
    assert _json(tmp_path / "config.json")["learning_rate"] == 0.01


_KILLED = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[1])
import toy_task
from selfsup import training
task = toy_task.ToySearch(toy_task.search(checkpoint_seconds=0.0, retrain_on_all=True))
measure = task.measure
# Leaves the time to be killed.
task.measure = lambda *args: (time.sleep(0.2), measure(*args))[1]
training.train(task, sys.argv[2])
"""


@pytest.mark.slow
def test_a_killed_run_ends_like_the_unbroken_one(retrained, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, os.path.dirname(toy_task.__file__), tmp_path],
        stderr=subprocess.DEVNULL,
    )
    while runs.steps_done(tmp_path) < 3:
        assert process.poll() is None, "ended before it was killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "classifier.keras").exists(), "killed too late to tell"
    training.train(_search(retrain_on_all=True), tmp_path)
    for name in ("classifier.keras", "backbone.keras"):
        assert_same(_weights(tmp_path / name), _weights(retrained / name))
    for name in ("schedule.json", "results.json", "images.json"):
        assert _json(tmp_path / name) == _json(retrained / name), name
    for folder in ("", "retrained"):
        logs = toy_task.log(tmp_path / folder), toy_task.log(retrained / folder)
        np.testing.assert_equal(*logs)


def test_the_strategy_of_the_caller_is_used(tmp_path, monkeypatch):
    seen = []
    train = Phase.train
    monkeypatch.setattr(
        Phase, "train", lambda self: seen.append(self.strategy) or train(self)
    )
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    training.train(_pretraining(steps=1), tmp_path, strategy=strategy)
    assert seen == [strategy]
