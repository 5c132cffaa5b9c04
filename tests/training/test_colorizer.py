"""The whole trainer on real photographs: results, resuming, kills, bad folders."""

import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, networks, training
from selfsup.training import colorizer

TINY = dict(
    network="alexnet",
    width=0.03,
    hidden=8,
    crop_size=32,
    points=16,
    batch_size=4,
    steps=30,
    log_every=10,
    eval_every=15,
    dropout=0.5,
)
WORKDIR_FILES = {
    "backbone.keras",
    "checkpoints",
    "colorizer.keras",
    "config.json",
    "curves.png",
    "images.json",
    "log.csv",
    "results.json",
    "samples.png",
    "tensorboard",
}


def _config(**changes):
    return training.ColorizerConfig.from_preset(**{**TINY, **changes})


def _weights(workdir, name="colorizer.keras"):
    return keras.models.load_model(workdir / name).get_weights()


def _assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A finished run on the embedded photographs."""
    workdir = tmp_path_factory.mktemp("run")
    training.train_colorizer(_config(keep_every=20), workdir)
    return workdir


def test_workdir_holds_everything(unbroken):
    assert set(os.listdir(unbroken)) == WORKDIR_FILES | {"snapshots"}
    assert os.listdir(unbroken / "snapshots") == ["backbone-00000020.keras"]
    results = json.loads((unbroken / "results.json").read_text())
    assert results["steps"] == 30
    assert results["images"] + results["held_out_images"] == 46
    for part in ("training", "held_out"):
        assert set(results[part]) == {
            "hue",
            "chroma",
            "hue_baseline",
            "chroma_baseline",
        }


def test_log_has_a_row_for_every_period(unbroken):
    header, *rows = (unbroken / "log.csv").read_text().splitlines()
    columns = header.split(",")
    values = [dict(zip(columns, row.split(","), strict=True)) for row in rows]
    assert [float(row["step"]) for row in values] == [10, 15, 20, 30]
    assert [row["val_hue"] == "nan" for row in values] == [True, False, True, False]
    for row in values:
        total = 5 * float(row["hue"]) + float(row["chroma"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-5)


def test_backbone_is_the_colorizers(unbroken):
    whole = keras.models.load_model(unbroken / "colorizer.keras")
    backbone = keras.models.load_model(unbroken / "backbone.keras")
    assert networks.recognize(backbone) == "alexnet"
    for layer in backbone.layers:
        _assert_same(layer.get_weights(), whole.get_layer(layer.name).get_weights())


def test_features_of_a_photograph_in_three_lines(unbroken, photos):
    backbone = keras.models.load_model(unbroken / "backbone.keras")
    image = data.network_input(photos / "coffee.jpg")
    assert backbone(image).shape == (1, 9, 14, 122)
    small = data.network_input(photos / "coffee.jpg", side=64)
    assert small.shape == (1, 64, 96, 1)
    assert (
        -0.4488 <= float(tf.reduce_min(image)) < float(tf.reduce_max(image)) <= 0.5513
    )


@pytest.mark.slow
def test_training_learns(tmp_path, photos):
    # One photograph, the same crop: the loss must fall well below the best
    # constant, which knows the colours but not where they are.
    config = _config(
        data=(str(photos / "astronaut.jpg"),),
        val_fraction=0.0,
        min_side=32,
        max_side=32,
        network="vgg16",
        width=0.06,
        hidden=32,
        hidden_stddev=0.05,
        bn_momentum=0.9,
        dropout=0.0,
        points=64,
        batch_size=8,
        learning_rate=1e-2,
        steps=60,
        eval_every=60,
        log_every=20,
    )
    results = training.train_colorizer(config, tmp_path)
    assert "held_out" not in results
    for name in ("hue", "chroma"):
        baseline = results["training"][f"{name}_baseline"]
        assert results["training"][name] < 0.7 * baseline


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is(unbroken):
    before = _weights(unbroken)
    training.train_colorizer(_config(keep_every=20), unbroken)
    _assert_same(_weights(unbroken), before)


def test_other_settings_are_refused(unbroken):
    with pytest.raises(ValueError, match="holds a run with other settings.*seed"):
        training.train_colorizer(_config(seed=5), unbroken)


_KILLED = """
import sys
from selfsup import training
config = training.ColorizerConfig.from_preset(
    **eval(sys.argv[2]), checkpoint_seconds=0.0)
training.train_colorizer(config, sys.argv[1])
"""


def test_a_killed_run_ends_like_the_unbroken_one(unbroken, tmp_path):
    settings = {**TINY, "keep_every": 20}
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path), repr(settings)],
        stderr=subprocess.DEVNULL,
    )
    while not list((tmp_path / "checkpoints").glob("*.index")):
        assert process.poll() is None, "ended before its first checkpoint"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "colorizer.keras").exists(), "killed too late to tell"
    training.train_colorizer(_config(keep_every=20), tmp_path)
    _assert_same(_weights(tmp_path), _weights(unbroken))
    _assert_same(_log(tmp_path), _log(unbroken))


def _log(workdir):
    with (workdir / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        [float(row[name]) for name in sorted(row) if name != "steps_per_second"]
        for row in rows
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(dict(network="vgg16", padding="bias"), marks=pytest.mark.slow),
        pytest.param(dict(network="resnet50"), marks=pytest.mark.slow),
        dict(
            loss="lab",
            hypercolumn=False,
            precision="bfloat16",
            ema=0.9,
            accumulation=2,
            schedule="multistep",
        ),
    ],
    ids=["vgg16-bias-padding", "resnet50", "modern-lab-single-tap"],
)
def test_variants_train(changes, tmp_path):
    results = training.train_colorizer(
        _config(steps=2, log_every=1, eval_every=2, **changes), tmp_path
    )
    values = [
        value for part in ("training", "held_out") for value in results[part].values()
    ]
    assert np.all(np.isfinite(values))
    assert set(os.listdir(tmp_path)) == WORKDIR_FILES
    # Whatever the precision of the run.
    backbone = keras.models.load_model(tmp_path / "backbone.keras")
    assert backbone.output.dtype == "float32"


@pytest.mark.slow
def test_averaged_weights_are_saved(unbroken, tmp_path):
    training.train_colorizer(_config(ema=0.9, keep_every=20), tmp_path)
    average = keras.models.load_model(tmp_path / "colorizer.keras")
    last = keras.models.load_model(unbroken / "colorizer.keras")
    # Averaging changes the saved weights, not the training: the statistics of
    # the activations are those of the run without it.
    _assert_same(
        [w.numpy() for w in average.non_trainable_weights],
        [w.numpy() for w in last.non_trainable_weights],
    )
    for ours, other in zip(average.weights, last.weights, strict=True):
        if ours.name == "kernel":
            assert not np.array_equal(ours.numpy(), other.numpy())


def _folder(path, contents):
    path.mkdir()
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return str(path)


def test_a_folder_of_gray_images_is_refused(tmp_path):
    gray = tf.io.encode_jpeg(np.full((40, 40, 1), 99, np.uint8)).numpy()
    folder = _folder(tmp_path / "gray", {f"{i}.jpg": gray for i in range(6)})
    with pytest.raises(ValueError, match="Nearly all images are gray"):
        training.train_colorizer(_config(data=(folder,)), tmp_path / "run")


def test_a_folder_of_unreadable_images_is_refused(tmp_path):
    folder = _folder(tmp_path / "bad", {f"{i}.jpg": b"text" for i in range(6)})
    with pytest.raises(ValueError, match="Most images cannot be read.*unreadable"):
        training.train_colorizer(_config(data=(folder,)), tmp_path / "run")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, photos):
    """A run on a folder with one torn image; none that is held out is of use."""
    path = tmp_path_factory.mktemp("mixed")
    contents = {p.name: p.read_bytes() for p in sorted(photos.glob("*.jpg"))[:8]}
    folder = _folder(path / "photos", {**contents, "torn.jpg": b"\xff\xd8\xff"})
    gray = tf.io.encode_jpeg(np.full((40, 40, 1), 99, np.uint8)).numpy()
    useless = _folder(path / "useless", {"a.jpg": gray, "b.jpg": b"text"})
    config = _config(steps=6, data=(folder,), val_data=(useless,))
    return path, config, training.train_colorizer(config, path / "run")


def test_one_unreadable_image_is_left_out(mixed):
    results = mixed[2]
    assert (results["images"], results["unreadable_images"]) == (9, 1)


def test_useless_held_out_images_do_not_end_the_run(mixed):
    assert mixed[2]["held_out_images"] == 2


def test_other_images_are_refused_when_a_run_goes_on(mixed):
    path, config, _ = mixed
    shutil.copy(next((path / "photos").glob("a*.jpg")), path / "photos" / "new.jpg")
    with pytest.raises(ValueError, match="not those that the run began with"):
        training.train_colorizer(config, path / "run")


@pytest.mark.parametrize("path", ["nowhere", "empty", "texts"])
def test_folders_without_images_are_refused_and_leave_nothing(path, tmp_path):
    (tmp_path / "empty").mkdir()
    _folder(tmp_path / "texts", {"a.txt": b"text"})
    with pytest.raises((FileNotFoundError, ValueError), match=path):
        training.train_colorizer(
            _config(data=(str(tmp_path / path),)), tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_fewer_steps_than_done_are_not_claimed(unbroken, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(unbroken, workdir)
    results = training.train_colorizer(_config(keep_every=20, steps=10), workdir)
    assert results["steps"] == 30


def test_xla_over_several_devices_is_refused(tmp_path):
    class Two:
        num_replicas_in_sync = 2

    with pytest.raises(ValueError, match="jit=True, 2 devices"):
        training.train_colorizer(_config(jit=True), tmp_path, strategy=Two())


def test_too_large_a_batch_is_told_with_a_smaller_one(tmp_path, monkeypatch):
    def exhausted(*args, **kwargs):
        raise MemoryError("OOM when allocating")

    monkeypatch.setattr(colorizer, "train", exhausted)
    with pytest.raises(MemoryError, match="such as batch_size=2.*batch_size=4"):
        training.train_colorizer(_config(), tmp_path)


@pytest.mark.slow
def test_a_diverging_run_stops_and_names_the_step(tmp_path):
    config = _config(
        normalization="none", optimizer="sgd", learning_rate=100.0, steps=50, warmup=0.0
    )
    with pytest.raises(FloatingPointError, match="at step [0-9]+; the newest"):
        training.train_colorizer(config, tmp_path)
    for path in pathlib.Path(tmp_path / "checkpoints").glob("*.index"):
        values = tf.train.load_checkpoint(str(path.with_suffix("")))
        for name in values.get_variable_to_shape_map():
            value = values.get_tensor(name)
            if np.asarray(value).dtype.kind == "f":
                assert np.all(np.isfinite(value)), "a spoiled checkpoint was written"
