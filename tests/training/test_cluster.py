"""Several processes join, train like one, and lose nothing when one is lost."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_task
from PIL import Image

from selfsup.training import cluster

import voc_folders

_TESTS = pathlib.Path(voc_folders.__file__).parent


def _config(*addresses, index=0, **jobs):
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses, **jobs}, "task": task})


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment without a cluster."""
    for name in [*os.environ]:
        if name == "TF_CONFIG" or name.startswith("SLURM_"):
            monkeypatch.delenv(name)


def _free_ports(count):
    with contextlib.ExitStack() as opened:
        servers = [
            opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]


def test_without_a_cluster_there_is_no_strategy(monkeypatch):
    assert cluster.strategy() is None
    monkeypatch.setenv("TF_CONFIG", _config("localhost:1234"))
    assert cluster.strategy() is None
    monkeypatch.delenv("TF_CONFIG")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert cluster.strategy() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "worker 0",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        _config("a:1", "b:2", index=2),
        _config("a:1", "b:2", index=-1),
        _config("a:1", "b:2", index="0"),
        _config("a:1", "b"),
        _config("a:1", "b:port"),
        _config("a:1", "b:70000"),
        _config("a:1", "b:0"),
        _config("a:1", ":2"),
        _config("a:1", 2),
        _config("a:1", "b:2", ps=["c:3"]),
        _config("a:1", chief=["b:2", "c:3"]),
    ],
)
def test_a_wrong_tf_config_is_refused(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG is not valid. Expected such as"):
        cluster.strategy()


def test_slurm_names_the_workers(monkeypatch):
    values = {
        "JOB_ID": "40007",
        "PROCID": "2",
        "STEP_NUM_TASKS": "3",
        "STEP_NODELIST": "node[1-2]",
        "STEP_TASKS_PER_NODE": "2,1",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    resolver = cluster._resolver()
    addresses = ["node1:20007", "node1:20008", "node2:20007"]
    assert cluster._places(resolver) == [["worker", x] for x in addresses]
    assert cluster._own_place(resolver) == ["worker", "node2:20007"]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_the_chief_is_first(monkeypatch):
    config = _config("a:1", "b:2", index=1, chief=["c:3"])
    monkeypatch.setenv("TF_CONFIG", config)
    resolver = cluster._resolver()
    places = [["chief", "c:3"], ["worker", "a:1"], ["worker", "b:2"]]
    assert cluster._places(resolver) == places
    assert cluster._own_place(resolver) == ["worker", "b:2"]


def test_the_wait_ends_and_names_who_is_missing(monkeypatch):
    first, second = (f"127.0.0.1:{port}" for port in _free_ports(2))
    monkeypatch.setenv("TF_CONFIG", _config(first, second))
    with pytest.raises(TimeoutError, match=f"Received nothing from: {second}"):
        cluster.strategy(seconds=0.2)
    monkeypatch.setenv("TF_CONFIG", _config(first, second, index=1))
    with pytest.raises(TimeoutError, match=f"Received nothing from: {first}, or"):
        cluster.strategy(seconds=0.2)


def test_a_port_that_is_taken_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("TF_CONFIG", _config(address, "127.0.0.1:1"))
        with pytest.raises(OSError, match=f"Expected a free one. Received: {address}"):
            cluster.strategy(seconds=0.2)


def test_a_worker_writes_to_a_copy(tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    for name in (
        "log.csv",
        "best.keras",
        "samples.png",
        ".lock",
        "checkpoints/a.index",
    ):
        (run / name).write_text("chief")
    with cluster.private_copy(run) as folder:
        copy = pathlib.Path(folder)
        names = {str(x.relative_to(copy)) for x in copy.rglob("*") if x.is_file()}
        assert names == {"log.csv", "best.keras", "checkpoints/a.index"}
        assert (copy / "best.keras").is_symlink()
        (copy / "log.csv").write_text("worker")
        (copy / "best.keras").unlink()
    assert not copy.exists()
    assert {x.read_text() for x in run.rglob("*") if x.is_file()} == {"chief"}


# What every worker runs. The first one trains alone too, for comparison.
_SCRIPT = """
import json, os, pathlib, signal, sys
root, voc_dir, tests, part = sys.argv[1:]
root = pathlib.Path(root)
sys.path.insert(0, tests)
from selfsup.training import cluster
strategy = cluster.strategy()
import keras, numpy as np, tensorflow as tf
from selfsup import stopping, training, workers
from selfsup.training import entry, tasks
from selfsup.training.phases import Phase
import toy_task

worker = workers.place(strategy)[0]

def flat(model):
    return np.concatenate([v.numpy().ravel() for v in model.trainable_variables])

class Watched(Phase):
    def train(self):
        Watched.first = flat(self.task.product(self.model))
        return super().train()

entry.Phase = Watched

def trained(task, name, strategy):
    results = training.train(task, root / name, strategy=strategy)
    if worker:
        return {}
    model = keras.saving.load_model(root / name / f"{task.kind}.keras")
    return {"first": Watched.first, "last": flat(model)}, results

class Kills(toy_task.ToyPretraining):
    def __init__(self, config, signals=None):
        super().__init__(config)
        self.signals = signals or {}

    def watch(self, samples):
        def look(status):
            self.trained += len(status["index"]) // self.config.batch_size
            if worker == 1 and self.signals and self.trained >= min(self.signals):
                due.append(self.signals.pop(min(self.signals)))
        return look

# Signals come while steps run, so what those did is not yet known to all.
due = []
exchange_tensors = workers.exchange_tensors

def struck(*args):
    if due:
        os.kill(os.getpid(), due.pop())
    return exchange_tensors(*args)

workers.exchange_tensors = struck

def toy():
    return toy_task.pretraining(dropout=0.0, checkpoint_seconds=0.0)

Segmentation = tasks.get("segmentation")
Colorization = tasks.get("colorization")
makers = {
    "normalized": lambda: toy_task.Normalized(
        toy_task.pretraining(dropout=0.0, batch_size=8)),
    "clipped": lambda: toy_task.ToySearch(
        toy_task.search(dropout=0.0, clip_norm=0.01, weight_decay=0.0, max_steps=1,
                        learning_rate=0.1, accumulation=2)),
    "segmentation": lambda: Segmentation(training.SegmentationConfig(
        voc_dir=voc_dir, network="alexnet", width=1 / 64, dropout=0.0, seed=1,
        fov_blocks=0, batch_size=4, weight_decay=0.0, hidden=8, held_out=0.2,
        points=32, hidden_stddev=0.1, crop_size=48, max_steps=4, eval_every=2,
        learning_rate=0.01, retrain_on_all=True)),
    "colorization": lambda: Colorization(Colorization.Config.from_preset(
        network="alexnet", width=1 / 64, dropout=0.0, hidden=8, crop_size=40,
        batch_size=4, steps=3, log_every=2, eval_every=2, optimizer="sgd", points=16,
        bins=8, learning_rate=0.01, schedule="multistep", warmup=0.0)),
}
told = {}
if part == "first":
    for name, make in makers.items():
        arrays, results = {}, {}
        for count, used in (("two", strategy), ("one", None)):
            if worker and not used:
                continue
            used = used or tf.distribute.get_strategy()
            found = trained(make(), f"{name}-{count}", used)
            if not worker:
                arrays |= {f"{k}_{count}": v for k, v in found[0].items()}
                results[count] = found[1]
        if not worker:
            np.savez(root / f"{name}.npz", **arrays)
            (root / f"{name}.json").write_text(json.dumps(results))
    trained(Kills(toy()), "unbroken", strategy)
    try:
        trained(toy_task.ToyPretraining(
            toy_task.pretraining(learning_rate=0.01 + worker)), "other", strategy)
    except ValueError as error:
        told["other"] = str(error)
    with stopping.handled():
        try:
            trained(Kills(toy(), {10: signal.SIGTERM}), "stopped", strategy)
        except stopping.Stopped as stop:
            told["stopped"] = str(stop), stopping.exit_code()
    trained(Kills(toy()), "stopped", strategy)
    print(json.dumps(told), flush=True)
    trained(Kills(toy(), {12: signal.SIGKILL}), "killed", strategy)
else:
    trained(Kills(toy()), "killed", strategy)
    print(json.dumps(told), flush=True)
"""


def _run(part, places):
    """Runs the script as two workers; returns their exit codes and outputs."""
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(2)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, *map(str, places), part],
            env={**os.environ, "TF_CONFIG": _config(*addresses, index=index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    ended = [worker.communicate() for worker in workers]
    return [(w.returncode, *out) for w, out in zip(workers, ended, strict=True)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, photos):
    """A folder with the runs, and how both parts of the script ended."""
    root = tmp_path_factory.mktemp("cluster")
    folder = voc_folders.Folder(root / "VOC", photos, val=3)
    for number, name in enumerate(folder.names):
        with Image.open(folder.mask(name)) as image:
            mask = np.array(image)
        if number < 10:
            mask[: int(number / 12 * len(mask))] = voc_folders.VOID
        folder.save_mask(name, mask)
    places = root, folder.root, _TESTS
    return root, [_run(part, places) for part in ("first", "second")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["normalized", "clipped", "segmentation", "colorization"]
)
def test_two_workers_train_like_one_process(name, runs):
    found = np.load(runs[0] / f"{name}.npz")
    np.testing.assert_array_equal(found["first_two"], found["first_one"])
    change = np.linalg.norm(found["last_one"] - found["first_one"])
    difference = np.linalg.norm(found["last_two"] - found["last_one"])
    assert change > 0
    assert difference < 1e-5 * change, difference / change
    results = json.loads((runs[0] / f"{name}.json").read_text())
    assert _numbers(results["two"]) == pytest.approx(_numbers(results["one"]), 1e-4)


def _numbers(results):
    return [x for x in tf.nest.flatten(results) if isinstance(x, int | float)]


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_both_and_a_lost_one_ends_the_other(runs):
    (first, second), resumed = runs[1]
    told = [json.loads(end[1].splitlines()[-1]) for end in (first, second)]
    assert told[0] == told[1]
    step, code = told[0]["stopped"]
    assert step.startswith("after step 1")
    assert code == 143
    assert "learning_rate (worker 0: 0.01, worker 1: 1.01)" in told[0]["other"]
    assert second[0] == -9
    assert first[0] == 1
    assert "A worker was lost. Expected 2 of them" in first[2].splitlines()[-1]
    assert [end[0] for end in resumed] == [0, 0], resumed[0][2][-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stopped", "killed"])
def test_a_broken_run_ends_like_an_unbroken_one(name, runs):
    for file in ("classifier.keras", "backbone.keras"):
        model, expected = (
            tf.keras.models.load_model(runs[0] / run / file)
            for run in (name, "unbroken")
        )
        for one, other in zip(model.weights, expected.weights, strict=True):
            np.testing.assert_array_equal(one, other)
    rows, expected = (toy_task.log(runs[0] / run) for run in (name, "unbroken"))
    np.testing.assert_equal(rows, expected)
