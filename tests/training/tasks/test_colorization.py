"""Colorization: model and losses, and a whole run on real photographs."""

import json
import os
import shutil

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task

from selfsup import data, losses, networks, runs, training
from selfsup.training import tasks
from selfsup.training.tasks import colorization

TINY = dict(
    network="alexnet",
    width=0.03,
    hidden=8,
    crop_size=32,
    points=16,
    batch_size=4,
    steps=20,
    log_every=10,
    eval_every=15,
    dropout=0.5,
)
Colorization = tasks.get("colorization")


@pytest.fixture(autouse=True, scope="module")
def _short_baseline():
    """Fewer batches for the mean histogram, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(colorization, "_BASELINE_BATCHES", 4)
        yield


def _config(**changes):
    return training.ColorizationConfig.from_preset(**{**TINY, **changes})


def _folder(path, contents):
    path.mkdir()
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return str(path)


def _small(photos, name):
    """Returns a photograph of 96 pixels as a JPEG file."""
    picture = cv2.imread(str(photos / f"{name}.jpg"))
    return cv2.imencode(".jpg", cv2.resize(picture, (96, 96)))[1].tobytes()


@pytest.fixture(scope="module")
def few(tmp_path_factory, photos):
    """A folder of ten photographs and a torn one."""
    path = tmp_path_factory.mktemp("photos")
    names = sorted(p.stem for p in photos.glob("*.jpg"))[:10]
    contents = {f"{name}.jpg": _small(photos, name) for name in names}
    folder = _folder(path / "few", {**contents, "torn.jpg": b"\xff\xd8\xff"})
    # What cannot be read must not be held out.
    assert "torn.jpg" not in _held_out(folder)
    return folder


def _held_out(folder):
    config = _config(data=(folder,), val_fraction=0.2)
    images = Colorization(config).open("held_out")
    return {os.path.basename(images.name(i)) for i in range(len(images))}


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, few):
    """A finished run."""
    workdir = tmp_path_factory.mktemp("run")
    training.train_colorizer(_config(data=(few,), val_fraction=0.2), workdir)
    return workdir


def _json(path):
    return json.loads(path.read_text())


def test_histogram_losses_count_hue_five_times(few):
    task = Colorization(_config(data=(few,), val_fraction=0.0))
    samples = task.open("train")
    model = task.model(task.backbone(samples), samples)
    weighted = task.losses(model, samples)
    weights = {name: loss.weight for name, loss in weighted.items()}
    assert weights == {"hue": 5.0, "chroma": 1.0}
    assert all(isinstance(x.loss, losses.HistogramKL) for x in weighted.values())


@pytest.mark.parametrize("hypercolumn", [True, False])
def test_settings_reach_the_model(hypercolumn):
    config = _config(hidden=12, bins=7, dropout=0.25, hypercolumn=hypercolumn)
    task = Colorization(config)
    samples = range(40)  # Their number decides no more than the momentum.
    backbone = task.backbone(samples)
    model = task.model(backbone, samples)
    channels = [tap.channels for tap in networks.taps(backbone)]
    expected = sum(channels) if hypercolumn else channels[-1]
    assert model.get_layer("h_fc1").kernel.shape == (expected, 12)
    assert {output.shape[-1] for output in model.output.values()} == {7}
    rates = [model.get_layer(n).rate for n in ("drop6", "drop7", "h_drop1")]
    assert rates == [0.25] * 3


@pytest.mark.slow
def test_lab_loss_starts_with_the_histogram_losses_gradient(few):
    config = _config(
        data=(few,), val_fraction=0.0, loss="lab", hidden_stddev=1e-3, dropout=0.0
    )
    task = Colorization(config)
    samples = task.open("train")
    model = task.model(task.backbone(samples), samples)

    def scale():
        # The other head is drawn anew, and the same every time.
        keras.utils.set_random_seed(0)
        ((name, (loss, weight, _)),) = task.losses(model, samples).items()
        assert name == "ab" and weight == 1.0
        return loss.scale

    before = scale()
    assert 0 < before < np.inf
    # The gradient is a product of the prediction layer and what lies below: half
    # the kernel, about half the gradient, twice the factor. About, as the loss's own
    # derivative moves a little with the prediction.
    kernel = model.get_layer("prediction_ab").kernel
    kernel.assign(0.5 * kernel.numpy())
    assert scale() == pytest.approx(2 * before, rel=0.02)


@pytest.mark.slow
def test_a_workdir_holds_everything(workdir):
    assert set(os.listdir(workdir)) == {
        ".lock",
        *("backbone.keras", "checkpoints", "colorizer.keras", "config.json"),
        *("curves.png", "images.json", "log.csv", "results.json", "samples.png"),
        "tensorboard",
    }
    results = _json(workdir / "results.json")
    assert results["steps"] == 20
    assert (results["images"], results["held_out_images"]) == (9, 2)
    assert {len(v) for v in results["constants"].values()} == {32}
    names = {"hue", "chroma", "hue_baseline", "chroma_baseline"}
    assert set(results["training"]) == set(results["held_out"]) == names
    assert _json(workdir / "config.json")["task"] == "colorization"


@pytest.mark.slow
def test_one_unreadable_image_is_left_out_and_counted(workdir):
    assert _json(workdir / "results.json")["unreadable_images"] == 1


@pytest.mark.slow
def test_the_log_weighs_hue_five_times(workdir):
    rows = toy_task.log(workdir)
    assert [row["step"] for row in rows] == [10, 15, 20]
    for name in ("val_hue", "val_chroma"):
        assert [np.isnan(row[name]) for row in rows] == [True, False, False]
    for row in rows:
        total = 5 * row["hue"] + row["chroma"]
        assert row["loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.slow
def test_the_pictures_can_be_looked_at(workdir):
    for name in ("samples.png", "curves.png"):
        picture = cv2.imread(str(workdir / name))
        assert picture.shape[1] > 300 and picture.std() > 10


@pytest.mark.slow
def test_the_backbone_is_the_colorizers(workdir):
    whole = keras.saving.load_model(workdir / "colorizer.keras")
    backbone = keras.saving.load_model(workdir / "backbone.keras")
    assert networks.recognize(backbone) == "alexnet"
    for layer in backbone.layers:
        theirs = whole.get_layer(layer.name).get_weights()
        toy_task.assert_same(layer.get_weights(), theirs)


@pytest.mark.slow
def test_features_of_a_photograph_in_three_lines(workdir, photos):
    backbone = keras.saving.load_model(workdir / "backbone.keras")
    image = data.network_input(photos / "coffee.jpg")
    assert backbone(image).shape == (1, 9, 14, 122)
    assert -0.4488 <= float(tf.reduce_min(image))
    assert float(tf.reduce_max(image)) <= 0.5513


@pytest.mark.slow
def test_evaluation_of_a_workdir_gives_what_training_measured(workdir, tmp_path):
    workdir = shutil.copytree(workdir, tmp_path / "run")
    results, output = training.evaluate(workdir)
    assert output == workdir / "evaluation"
    assert set(os.listdir(output)) == {
        ".lock",
        "config.json",
        "results.json",
        "samples.png",
    }
    trained = _json(workdir / "results.json")
    assert results["images"] == trained["held_out_images"]
    for name, value in trained["held_out"].items():
        assert results[name] == pytest.approx(value, rel=1e-5)
    assert 0 < results["rmse"] < 1 and results["psnr_gray"] > 0
    written = _json(output / "results.json")
    assert written == json.loads(json.dumps(results))
    assert cv2.imread(str(output / "samples.png")).std() > 10


@pytest.mark.slow
def test_a_file_needs_images_and_crops(workdir, photos, tmp_path):
    path = shutil.copy(workdir / "colorizer.keras", tmp_path / "mine.keras")
    other = _folder(tmp_path / "other", {"a.jpg": _small(photos, "rocket")})
    message = r"Expected one, or --data and --crop_size. Received: data=\(\)"
    with pytest.raises(ValueError, match=message):
        training.evaluate(path)
    options = {"data": (other,), "crop_size": 32}
    results, _ = training.evaluate(path, options, tmp_path / "report")
    assert results["images"] == 1
    with pytest.raises(ValueError, match="Received: crop_size=32"):
        training.evaluate(workdir, options)


@pytest.mark.slow
def test_a_run_that_held_out_nothing_needs_images(workdir, tmp_path):
    moved = shutil.copytree(workdir, tmp_path / "run")
    settings = _json(moved / "config.json")
    (moved / "config.json").write_text(json.dumps({**settings, "val_fraction": 0.0}))
    with pytest.raises(ValueError, match="held out no images. Expected --data"):
        training.evaluate(moved)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        dict(network="vgg16", padding="bias"),
        dict(network="resnet50"),
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
def test_variants_train(changes, few, tmp_path, monkeypatch):
    monkeypatch.setattr(Colorization, "draw", lambda *args: None)
    config = _config(
        data=(few,), val_fraction=0.0, steps=2, log_every=1, eval_every=2, **changes
    )
    results = training.train_colorizer(config, tmp_path)
    assert "held_out" not in results
    assert np.all(np.isfinite(list(results["training"].values())))
    # Whatever the precision of the run.
    backbone = keras.saving.load_model(tmp_path / "backbone.keras")
    assert backbone.output.dtype == "float32"


@pytest.mark.slow
@pytest.mark.parametrize(
    "content, message",
    [
        (b"text", "Most images cannot be read.*8 unreadable of 8"),
        (
            tf.io.encode_jpeg(np.full((40, 40, 1), 99, np.uint8)).numpy(),
            "Nearly all images are gray",
        ),
    ],
    ids=["unreadable", "gray"],
)
def test_images_that_teach_nothing_end_the_run(content, message, tmp_path):
    folder = _folder(tmp_path / "bad", {f"{i}.jpg": content for i in range(6)})
    with pytest.raises(ValueError, match=message):
        training.train_colorizer(
            _config(data=(folder,), val_fraction=0.0), tmp_path / "run"
        )


@pytest.mark.parametrize("path", ["nowhere", "empty", "texts"])
def test_folders_without_images_are_refused_and_leave_nothing(path, tmp_path):
    (tmp_path / "empty").mkdir()
    _folder(tmp_path / "texts", {"a.txt": b"text"})
    with pytest.raises((FileNotFoundError, ValueError), match=path):
        training.train_colorizer(
            _config(data=(str(tmp_path / path),)), tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


class _Stops(Colorization):
    """Stops at the first evaluation."""

    def measure(self, *args, **kwargs):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_a_stopped_run_with_shares_ends_like_the_unbroken_one(few, photos, tmp_path):
    sources = (f"{few}=0.3", str(photos / "coffee.jpg"))
    changes = dict(steps=12, eval_every=8, log_every=4, checkpoint_seconds=0.0)
    held_out = (str(photos / "rocket.jpg"),)
    config = _config(data=sources, val_data=held_out, **changes)
    training.train_colorizer(config, tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        training.train(_Stops(config), tmp_path / "stopped")
    assert 0 < runs.steps_done(tmp_path / "stopped") < 12
    training.train_colorizer(config, tmp_path / "stopped")
    one, other = (
        keras.saving.load_model(tmp_path / name / "colorizer.keras")
        for name in ("unbroken", "stopped")
    )
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_training_learns(tmp_path, photos):
    # One photograph, the same crop: the loss must fall well below the best
    # constant, which knows the colors but not where they are.
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
