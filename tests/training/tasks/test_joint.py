"""Colorization with a second task: the sum of both, and a colorizer in the end."""

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task

from selfsup import data, networks, training
from selfsup.cli import eval_colorizer
from selfsup.training import initial_backbone, tasks
from selfsup.training.tasks import colorization

import tool_calls

TINY = dict(
    network="alexnet",
    width=1 / 64,
    hidden=8,
    hidden_stddev=0.1,
    crop_size=40,
    points=8,
    batch_size=4,
    steps=4,
    log_every=2,
    eval_every=2,
)
BOTH = pytest.mark.parametrize(
    "second", ["rotation", pytest.param("jigsaw", marks=pytest.mark.slow)]
)


@pytest.fixture(autouse=True, scope="module")
def _short_baseline():
    """Fewer batches for the mean histogram, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(colorization, "_BASELINE_BATCHES", 2)
        yield


def _task(second, **changes):
    task = tasks.get(f"colorization+{second}")
    return task(task.Config.from_preset(**{**TINY, **changes}))


def _alone(name, config):
    task = tasks.get(name)
    fields = {x: y for x, y in config.to_json().items() if x != "second_weight"}
    known = task.Config.from_preset().to_json()
    return task(task.Config.from_values({x: fields[x] for x in known}))


@BOTH
def test_it_is_found_by_its_name_and_makes_colorizers(second):
    task = _task(second)
    assert tasks.of_config(task.config) is type(task)
    assert (task.name, task.kind) == (f"colorization+{second}", "colorizer")
    expected = "hue", "chroma", f"{second}_label", f"{second}_accuracy"
    assert task.logged == expected


@pytest.mark.slow
@BOTH
def test_batches_are_those_of_both_tasks_of_the_same_images(second):
    task = _task(second)
    samples = task.open("train")
    alone = [_alone(name, task.config) for name in ("colorization", second)]
    joint, first, other = (
        next(iter(x.batches(samples, start=1))) for x in (task, *alone)
    )
    for ours, one, two in zip(joint[:3], first[:3], other[:3], strict=True):
        expected = {**one, **{f"{second}_{name}": x for name, x in two.items()}}
        keras.tree.map_structure(np.testing.assert_array_equal, ours, expected)
    keras.tree.map_structure(np.testing.assert_array_equal, joint[3], first[3])
    np.testing.assert_array_equal(joint[3]["index"], other[3]["index"])


def _total(model, losses, inputs, targets, weights):
    outputs = model(inputs, training=True)
    return sum(
        weight * loss(targets[name], outputs[name], weights[name])
        for name, (loss, weight, _) in losses.items()
    )


@BOTH
def test_loss_and_gradient_are_the_sums_of_both_tasks(second, monkeypatch):
    # The losses do not need what the images are compared with.
    monkeypatch.setattr(colorization.evaluation, "constant_predictions", id)
    task = _task(second, dropout=0.0, second_weight=0.5)
    samples = task.open("train")
    backbone = task.backbone(samples)
    model = task.model(backbone, samples)
    variables = [x.value for x in backbone.trainable_variables]
    batch = next(iter(task.batches(samples)))[:3]
    with tf.GradientTape() as tape:
        loss = _total(model, task.losses(model, samples), *batch)
    gradients = tape.gradient(loss, variables)
    assert all(x is not None for x in gradients)
    expected, sums = 0.0, [0.0] * len(variables)
    prefix = f"{second}_"
    for name, factor in (("colorization", 1.0), (second, 0.5)):
        alone = _alone(name, task.config)
        # The collection that it watches.
        alone.watch = task.watch
        second_model = model.get_layer("second").model
        part = second_model if name == second else task.product(model)
        of_part = [
            {
                x.removeprefix(prefix): value
                for x, value in values.items()
                if x.startswith(prefix) == (name == second)
            }
            for values in batch
        ]
        with tf.GradientTape() as tape:
            losses = alone.losses(part, samples)
            value = factor * _total(part, losses, *of_part)
        expected += value
        found = tape.gradient(value, variables)
        sums = [x + y for x, y in zip(sums, found, strict=True)]
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    for ours, other in zip(gradients, sums, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-3, atol=1e-6)


def test_each_task_has_running_statistics_of_its_own():
    task = _task("jigsaw", dropout=0.0)
    samples = range(40)  # Their number decides no more than the momentum.
    backbone = task.backbone(samples)
    model = task.model(backbone, samples)
    rng = np.random.default_rng(0)
    inputs = {
        "gray": rng.normal(size=[4, 40, 40, 1]).astype("float32"),
        "points": np.full([4, 2, 2], 9.0, np.float32),
        "jigsaw_patches": rng.normal(3, 2, [4, 9, 11, 11, 1]).astype("float32"),
    }
    moving = [x for x in backbone.weights if x.name.startswith("moving_")]
    start = [x.numpy() for x in moving]

    def trained(part):
        for variable, value in zip(moving, start, strict=True):
            variable.assign(value)
        part()
        return [x.numpy() for x in moving]

    part = {name: inputs[name] for name in ("gray", "points")}
    patches = {"patches": inputs["jigsaw_patches"]}
    second = model.get_layer("second")
    both = trained(lambda: model(inputs, training=True))
    first = trained(lambda: task.product(model)(part, training=True))
    other = trained(lambda: second.model(patches, training=True))
    toy_task.assert_same(both, first)
    toy_task.assert_same([x.numpy() for x in second._own], other)
    assert not np.allclose(first[0], other[0])
    # Each is used where the task is measured.
    after = second.model(patches, training=False)["label"]
    trained(lambda: None)
    unchanged = trained(lambda: task.predictor(model).second(patches))
    toy_task.assert_same(unchanged, start)
    found = task.predictor(model).second(patches)["label"]
    np.testing.assert_allclose(found, after, rtol=1e-5, atol=1e-6)


def test_a_crop_too_small_for_the_second_task_is_refused():
    task = _task("jigsaw", crop_size=32)
    with pytest.raises(ValueError, match="too small for nine .*crop_size=32$"):
        task.check_training(task.open("train"))


@pytest.mark.slow
def test_the_lab_loss_is_scaled_as_without_a_second_task():
    task = _task("rotation", loss="lab", dropout=0.0)
    samples = task.open("train")
    model = task.model(task.backbone(samples), samples)
    alone = _alone("colorization", task.config)
    alone.watch = task.watch
    scales = []
    for losses in (
        lambda: task.losses(model, samples),
        lambda: alone.losses(task.product(model), samples),
    ):
        # The head to compare with is drawn anew, and the same every time.
        keras.utils.set_random_seed(0)
        scales.append(losses()["ab"].loss.scale)
    assert scales[0] == pytest.approx(scales[1], rel=1e-5)


@pytest.fixture(scope="module", params=["rotation", "jigsaw"])
def run(request, tmp_path_factory):
    """The name of the second task and a finished run."""
    workdir = tmp_path_factory.mktemp("joint") / "run"
    training.train(_task(request.param), workdir)
    return request.param, workdir


def _weights(workdir, name="colorizer.keras"):
    return keras.models.load_model(workdir / name).get_weights()


@pytest.mark.slow
def test_a_run_leaves_a_colorizer_and_the_measures_of_both(run):
    second, workdir = run
    models = {name for name in os.listdir(workdir) if name.endswith(".keras")}
    assert models == {"backbone.keras", "colorizer.keras"}
    header = (workdir / "log.csv").read_text().splitlines()[0].split(",")
    names = {"hue", "chroma", f"{second}_label"}
    assert {"loss", *names, *(f"val_{name}" for name in names)} <= set(header)
    results = json.loads((workdir / "results.json").read_text())
    assert {*names, f"{second}_accuracy_baseline"} <= set(results["held_out"])
    for name in ("samples.png", "curves.png"):
        assert (workdir / name).exists()


@pytest.mark.slow
def test_the_backbone_is_the_colorizers_and_starts_a_downstream_run(run):
    _, workdir = run
    whole = keras.models.load_model(workdir / "colorizer.keras")
    for layer in keras.models.load_model(workdir / "backbone.keras").layers:
        theirs = whole.get_layer(layer.name).get_weights()
        toy_task.assert_same(layer.get_weights(), theirs)
    config = training.SegmentationConfig(voc_dir="VOC", init=str(workdir), fov_blocks=0)
    found = networks.describe(initial_backbone.initial_backbone(config))
    assert (found["network"], found["normalization"]) == ("alexnet", "none")


@pytest.mark.slow
def test_the_colorizer_is_evaluated_as_one(run, tmp_path):
    _, workdir = run
    flags = f"--ckpt={workdir}", f"--output={tmp_path}"
    assert tool_calls.call(eval_colorizer.TOOL, *flags).code == 0
    results = json.loads((tmp_path / "results.json").read_text())
    trained = json.loads((workdir / "results.json").read_text())["held_out"]
    for name in ("hue", "chroma", "hue_baseline"):
        assert results[name] == pytest.approx(trained[name], rel=1e-5)


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_the_unbroken_one(run, tmp_path, monkeypatch):
    second, workdir = run
    # Takes longer than all steps.
    monkeypatch.setattr(colorization.Colorization, "draw", lambda *args: None)

    def stop(*args):
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(tasks.get(f"colorization+{second}"), "measure", stop)
        with pytest.raises(InterruptedError):
            training.train(_task(second, checkpoint_seconds=0.0), tmp_path / "run")
    training.train(_task(second), tmp_path / "run")
    toy_task.assert_same(_weights(tmp_path / "run"), _weights(workdir))


@pytest.mark.slow
def test_gray_and_unreadable_images_are_seen(tmp_path):
    gray = tf.io.encode_jpeg(np.full((60, 60, 1), 99, np.uint8)).numpy()
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(gray)
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    task = _task("rotation", data=(str(tmp_path),), val_fraction=0.0)
    samples = task.open("train")
    seen = set()
    for *_, status in task.batches(samples).take(4):
        seen |= set(status["status"].numpy().tolist())
    assert seen == {data.ACHROMATIC, data.UNDECODABLE}


@pytest.mark.slow
def test_averaged_weights_parts_of_batches_and_bfloat16_reach_both_heads(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(colorization.Colorization, "draw", lambda *args: None)
    changes = dict(precision="bfloat16", ema=0.9, accumulation=2, loss="lab")
    task = _task("jigsaw", val_fraction=0.0, **changes)
    results = training.train(task, tmp_path / "run")
    assert np.all(np.isfinite(list(results["training"].values())))
    whole = keras.models.load_model(tmp_path / "run" / "colorizer.keras")
    backbone = keras.models.load_model(tmp_path / "run" / "backbone.keras")
    assert backbone.output.dtype == "float32"
    for layer in backbone.layers:
        theirs = whole.get_layer(layer.name).get_weights()
        toy_task.assert_same(layer.get_weights(), theirs)
