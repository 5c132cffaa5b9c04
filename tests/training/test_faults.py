"""Faults during a training by the tool: it goes on as if unbroken, or stops in a line.

Everything is slow: each fault takes two processes that train.
"""

import concurrent.futures
import functools
import os
import random
import re
import resource
import shutil
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task
from tool_processes import Training

from selfsup.cli import make_records

import tool_calls

pytestmark = pytest.mark.slow

FLAGS = (
    "--network=alexnet --width=0.0625 --hidden=16 --crop_size=48 --points=16 "
    "--batch_size=4 --ema=0.9 --steps=300 --log_every=10 --eval_every=100 "
    "--keep_every=50 --checkpoint_seconds=0"
).split()

# Names that change from one run to the next, or hold its time.
_OF_ITS_OWN = {".lock", "config.json", "curves.png", "log.csv", "tensorboard"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    """A folder of the embedded photographs."""
    return shutil.copytree(photos, tmp_path_factory.mktemp("data") / "photos")


@pytest.fixture(scope="module")
def shards(tmp_path_factory, folder):
    """The same as records, whose samples are the same."""
    output = tmp_path_factory.mktemp("data") / "shards"
    flags = "--shards=3 --side=9999 --processes=1".split()
    answer = tool_calls.call(
        make_records.TOOL, f"--data={folder}", f"--output={output}", *flags
    )
    assert answer.code == 0, answer.text
    return output


def _start(workdir, data, *flags, saved=None):
    return Training(
        f"--workdir={workdir}", f"--data={data}", *FLAGS, *flags, saved=saved
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, folder):
    """The workdir of a run that nothing happened to; a function that waits for it."""
    workdir = tmp_path_factory.mktemp("unbroken")
    process = _start(workdir, folder)

    @functools.cache
    def wait():
        answer = process.wait()
        assert answer.code == 0, answer.text
        return workdir

    return wait


def _goes_on(workdir, data, unbroken, *flags):
    """Ends a run, and compares it with the unbroken one, bit for bit."""
    answer = _start(workdir, data, *flags).wait()
    assert answer.code == 0, answer.text
    _assert_equal(workdir, unbroken())
    return answer.text


def _names(workdir):
    """What the folders of a run hold, but for the steps of checkpoints."""
    checkpoints = [path.suffix for path in (workdir / "checkpoints").iterdir()]
    others = [
        path.name for x in (workdir, workdir / "snapshots") for path in x.iterdir()
    ]
    return sorted(checkpoints), sorted(others)


def _assert_equal(one, other):
    assert _names(one) == _names(other)
    for path in (path for path in other.rglob("*") if path.is_file()):
        name = path.relative_to(other)
        if path.suffix == ".keras":
            models = [keras.saving.load_model(x / name) for x in (one, other)]
            toy_task.assert_same(*(model.get_weights() for model in models))
        elif name.parts[0] not in _OF_ITS_OWN and path.parent.name != "checkpoints":
            assert (one / name).read_bytes() == path.read_bytes(), name
    np.testing.assert_equal(toy_task.log(one), toy_task.log(other))
    readers = [tf.train.load_checkpoint(str(x / "checkpoints")) for x in (one, other)]
    variables = readers[1].get_variable_to_shape_map()
    # How often it was saved, after a kill too, is none of the training's.
    counted = "save_counter/.ATTRIBUTES/VARIABLE_VALUE"
    for name in variables.keys() - {"_CHECKPOINTABLE_OBJECT_GRAPH", counted}:
        values = [reader.get_tensor(name) for reader in readers]
        np.testing.assert_array_equal(*values, err_msg=name)


def _changes(workdir):
    """Yields the set of names that changed since the last time, when some did."""

    def look():
        found = set()
        for parent in ("", "checkpoints", "snapshots"):
            try:
                with os.scandir(workdir / parent) as entries:
                    for entry in entries:
                        stat = entry.stat()
                        found.add((entry.name, stat.st_mtime_ns, stat.st_size))
            except OSError:  # Not there, or gone meanwhile.
                continue
        return found

    before = look()
    while True:
        now = look()
        if now - before:
            yield {name for name, _, _ in now - before}
            before = now
        else:
            yield set()
            time.sleep(0.002)


def _killed(workdir, data, moments):
    """Trains with a kill at each of the moments; returns where they fell.

    A moment is a pair: what a name that changes in the workdir begins with, and the
    number of changes from there on; a number alone is seconds after the start.
    """
    where = []
    for moment in moments:
        process, seen = _start(workdir, data), None
        if isinstance(moment, float):
            time.sleep(moment)
            assert process.kill(), process.wait().text
            where.append("start")
            continue
        name, more = moment
        for changed in _changes(workdir):
            assert process.runs(), (moment, where, process.wait().text)
            if seen is None and any(x.startswith(name) for x in changed):
                seen = 0
            elif seen is not None:
                seen += bool(changed)
            if seen is not None and seen >= more:
                break
        assert process.kill(), process.wait().text
        where.append(f"{moment} {sorted(changed)}")
    return where


def test_killed_runs_end_like_the_unbroken_one(folder, unbroken, tmp_path):
    draw = random.Random(5)
    # Each process writes a checkpoint after its first step.
    steps = [("ckpt", draw.randrange(25)) for _ in range(10)]
    evaluations = [("samples", 0), ("samples", 1), ("backbone-00000100", 0), ("log", 0)]
    ends = [("colorizer", 0), ("backbone.keras", 0), ("backbone.keras", 1)]
    moments = {
        "first": [*steps[:6], *evaluations[:2], *ends[:2]],
        "second": [
            *steps[6:],
            *(draw.uniform(0, 4) for _ in range(2)),
            *evaluations[2:],
            *ends[2:],
            ("results", 0),
        ],
    }

    def run(name):
        where = _killed(tmp_path / name, folder, moments[name])
        return where, _start(tmp_path / name, folder).wait()

    # Side by side: one alone takes one processor.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for name, (where, answer) in zip(moments, pool.map(run, moments), strict=True):
            print(*where, sep="\n")
            assert answer.code == 0, answer.text
            _assert_equal(tmp_path / name, unbroken())


def _limit(size):
    return functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    "seconds, size, message",
    [
        (0, 1 << 20, "A checkpoint could not be written.*; the newest whole one is "),
        (5, 1 << 8, "TensorBoard's file could not be written"),
    ],
    ids=["checkpoint", "summaries"],
)
def test_a_full_disk(seconds, size, message, folder, unbroken, tmp_path):
    flag = f"--checkpoint_seconds={seconds}"
    process = _start(tmp_path, folder, flag, saved=_limit(size))
    line = process.wait().error_line()
    assert re.search(message, line), line
    assert tf.train.latest_checkpoint(tmp_path / "checkpoints")
    _goes_on(tmp_path, folder, unbroken)


def test_a_photograph_vanishes(folder, unbroken, tmp_path):
    data = shutil.copytree(folder, tmp_path / "photos")
    gone = data / "coffee.jpg"
    process = _start(tmp_path / "run", data, saved=functools.partial(os.remove, gone))
    line = process.wait().error_line()
    assert f"Received: {gone}, missing" in line
    assert "not those that the run began with" in (
        _start(tmp_path / "run", data).wait().error_line()
    )
    shutil.copy(folder / gone.name, gone)
    _goes_on(tmp_path / "run", data, unbroken)


def _cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


@pytest.mark.parametrize("damage", [_cut, os.remove])
def test_a_shard_is_cut_or_removed(damage, shards, unbroken, tmp_path):
    data = shutil.copytree(shards, tmp_path / "shards")
    shard = sorted(data.glob("*.tfrecord"))[1]
    process = _start(tmp_path / "run", data, saved=functools.partial(damage, shard))
    line = process.wait().error_line()
    assert f"Received: {shard}, byte " in line and line.endswith(", missing")
    assert "A shard is not the one of the manifest" in (
        _start(tmp_path / "run", data).wait().error_line()
    )
    shutil.copy(shards / shard.name, shard)
    _goes_on(tmp_path / "run", data, unbroken)


def _flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        changed = bytes(255 - byte for byte in file.read(16))
        file.seek(position)
        file.write(changed)


def test_a_record_of_changed_bytes_ends_the_run(shards, unbroken, tmp_path):
    data = shutil.copytree(shards, tmp_path / "shards")
    shard = sorted(data.glob("*.tfrecord"))[1]
    flip = functools.partial(_flip, shard, 300)
    line = _start(tmp_path / "run", data, saved=flip).wait().error_line()
    assert "A shard of records is damaged" in line
    assert line.endswith(f"Received: {shard}, byte 0")
    shutil.copy(shards / shard.name, shard)
    _goes_on(tmp_path / "run", data, unbroken)
