"""What proxy tasks share: images, their watch, and a fresh backbone."""

import csv
import shutil

import pytest
from tensorflow.python.framework import func_graph

from selfsup import networks, runs, training
from selfsup.training import ColorizationConfig, tasks
from selfsup.training.tasks.pretraining import PretrainingTask

import fakes
import image_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(photos.glob("*.jpg"))[:8]:
        shutil.copy(path, folder)
    return folder


def _task(folder, **changes):
    fields = dict(data=(str(folder),), val_fraction=0.25, crop_size=32, width=0.03)
    config = ColorizationConfig.from_preset(**{**fields, **changes})
    return PretrainingTask(config)


def test_parts_are_disjoint_and_make_the_whole(folder):
    task = _task(folder)
    train, held_out, both = (
        set(task.names(task.open(part))) for part in ("train", "held_out", "all")
    )
    assert len(held_out) == 2 and len(train) == 6
    assert train | held_out == both and not train & held_out
    assert task.open("test") is None


def test_there_need_be_nothing_held_out(folder):
    task = _task(folder, val_fraction=0.0)
    assert task.open("held_out") is None and len(task.open("train")) == 8


def test_images_may_be_held_out_by_name(folder, photos):
    task = _task(folder, val_data=(str(photos / "rocket.jpg"),))
    assert len(task.open("train")) == 8
    assert task.open("held_out").name(0) == str(photos / "rocket.jpg")


def test_names_stay_when_the_images_move(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")
    before, after = (_task(place).open("train") for place in (folder, moved))
    assert before.sources != after.sources
    assert _task(folder).names(before) == _task(moved).names(after)


def test_sources_mean_the_same_from_every_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    task = _task(folder.name, val_data=("tfds:a/b", folder.name))
    task.resolve(tmp_path)
    assert task.config.data == (str(folder),)
    assert task.config.val_data == ("tfds:a/b", str(folder))


def test_a_resumed_run_keeps_the_spelling_that_it_began_with(folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    runs.write_json(tmp_path / "config.json", {"data": [str(link)]})
    task = _task(folder)
    task.resolve(tmp_path)
    assert task.config.data == (str(link),)
    task = _task(folder.parent)
    task.resolve(tmp_path)
    assert task.config.data == (str(folder.parent),)


def test_a_resumed_run_keeps_its_shares(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    given = (f"{folder.name}=0.3", "tfds:a/b=0.7")
    task = _task(folder, data=given)
    task.resolve(tmp_path)
    assert task.config.data == (f"{folder}=0.3", "tfds:a/b=0.7")
    config = task.config
    runs.prepare(tmp_path, "colorization", config)
    (tmp_path / "checkpoints").mkdir()
    # Another spelling is the same, another share is not.
    for share in ("0.3", "0.4"):
        task = _task(folder, data=(f"./{folder.name}/={share}", given[1]))
        task.resolve(tmp_path)
        if share == "0.3":
            assert task.config == config
            runs.prepare(tmp_path, "colorization", task.config)
            continue
        there = f"there .'{folder}=0.3'.*now .'{folder}=0.4'"
        with pytest.raises(ValueError, match=there):
            runs.prepare(tmp_path, "colorization", task.config)


def test_settings_reach_the_input(folder):
    config = _task(folder, min_side=40, max_side=50, seed=7).input_config(augment=False)
    assert (config.crop_size, config.min_side, config.max_side) == (32, 40, 50)
    assert (config.seed, config.batch_size, config.augment) == (7, 16, False)


def test_training_images_are_watched_more_strictly_than_those_held_out(folder):
    task = _task(folder)
    train, held_out = task.open("train"), task.open("held_out")
    unreadable = {"index": [0, 1], "status": [1, 1]}
    batches = [(None, None, None, unreadable)] * 20
    list(task.watched(batches, held_out))
    assert task.watch(held_out).unreadable == {0, 1}
    assert task.watch(train).unreadable == set()
    with pytest.raises(ValueError, match="Most images cannot be read"):
        list(task.watched(batches, train))


@pytest.mark.parametrize("network", ["vgg16", "alexnet", "resnet50"])
def test_settings_reach_the_backbone(network, folder):
    changes = dict(network=network, padding="bias", normalization="affine", steps=1000)
    task = _task(folder, dropout=0.125, preset="sample", bn_momentum=0.999, **changes)
    backbone = task.backbone(task.open("train"))
    found = networks.describe(backbone)
    assert (found["network"], found["padding"]) == (network, "bias")
    assert (found["normalization"], found["input_channels"]) == ("affine", 1)
    expected = fakes.network(network, width=0.03).count_params()
    assert found["width"] == pytest.approx(0.03, abs=0.005)
    assert 0.9 * expected < backbone.count_params() < 1.1 * expected
    momenta = {x.momentum for x in backbone.layers if hasattr(x, "momentum")}
    # An average over a twentieth of the run.
    assert momenta == {0.98}


def test_tasks_of_pretraining_have_a_fixed_length():
    names = [name for name in tasks.names() if tasks.get(name).pretraining]
    assert "colorization" in names and "segmentation" not in names


@pytest.mark.slow
@pytest.mark.parametrize("name", ["colorization", "rotation", "jigsaw"])
def test_another_evaluation_traces_nothing(name, folder, monkeypatch):
    task_class = tasks.get(name)
    config = task_class.Config.from_preset(
        data=(str(folder),), val_fraction=0.25, crop_size=32, width=0.03, batch_size=2
    )
    task = task_class(config)
    parts = {part: task.open(part) for part in ("train", "held_out")}
    model = task.model(task.backbone(parts["train"]), parts["train"])
    task.losses(model, parts["train"])
    predict = task.predictor(model)

    def measure():
        return {part: task.measure(predict, parts[part]) for part in parts}

    expected, graphs = measure(), []
    create = func_graph.FuncGraph.__init__
    monkeypatch.setattr(
        func_graph.FuncGraph,
        "__init__",
        lambda graph, name, *args, **options: (
            graphs.append(name),
            create(graph, name, *args, **options),
        )[1],
    )
    assert measure() == expected
    assert not graphs


@pytest.fixture(scope="module")
def labeled(tmp_path_factory, photos):
    return image_files.class_folders(tmp_path_factory.mktemp("labeled"), photos, 8)


def _probed(folder, labeled, **changes):
    fields = dict(network="alexnet", width=0.02, probe_data=str(labeled))
    return _task(folder, **fields, **changes)


@pytest.mark.slow
def test_a_backbone_is_probed_beside_its_untrained_self(folder, labeled):
    task = _probed(folder, labeled)
    samples = task.open("train")
    task.check_training(samples)
    backbone = task.backbone(samples)
    found = task.measure_backbone(backbone)
    assert task.backbone_measures == ("probe_accuracy",)
    assert found["probe_accuracy"] == found["probe_accuracy_baseline"]
    assert found["probe_layer"] in {tap.layer for tap in networks.taps(backbone)}
    lines = task.baselines({"training": {"hue_baseline": 0.5}, **found})
    assert lines == {"hue": 0.5, "probe_accuracy": found["probe_accuracy"]}


def test_without_a_labeled_set_nothing_is_probed(folder):
    task = _task(folder, network="alexnet")
    samples = task.open("train")
    task.check_training(samples)
    assert task.measure_backbone(task.backbone(samples)) == {}
    assert task.backbone_measures == ()


def test_a_photograph_to_probe_that_is_damaged_ends_the_run_at_once(
    folder, labeled, tmp_path
):
    damaged = shutil.copytree(labeled, tmp_path / "labeled")
    (damaged / "ant" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    task = _probed(folder, damaged)
    with pytest.raises(ValueError, match="torn.jpg"):
        training.train(task, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_probe_is_logged_and_written(folder, labeled, tmp_path):
    fields = dict(steps=4, log_every=2, eval_every=2, batch_size=4, bins=8)
    fields |= dict(points=8, hidden=8, val_fraction=0.0)
    config = _probed(folder, labeled, **fields).config
    results = training.train(tasks.get("colorization")(config), tmp_path / "run")
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert float(rows[1]["val_probe_accuracy"]) == results["probe_accuracy"]
