"""A workdir keeps what it holds, and says what differs."""

import os
import pathlib
import shutil

import keras
import pytest
import tensorflow as tf
import zoo_entries

from selfsup import heads, networks, runs
from selfsup.training import ColorizationConfig

import fakes


@pytest.fixture
def used(tmp_path):
    """A workdir with a run that has a checkpoint."""
    workdir = runs.prepare(
        tmp_path / "run", "colorization", ColorizationConfig.from_preset()
    )
    (workdir / "checkpoints").mkdir()
    return workdir


def test_other_settings_are_listed(used):
    other = ColorizationConfig.from_preset(width=0.5, seed=7)
    with pytest.raises(ValueError, match=r"seed \(there 0, now 7\); width \(there"):
        runs.prepare(used, "colorization", other)


def test_length_and_logging_may_change(used):
    longer = ColorizationConfig.from_preset(steps=900, log_every=5, keep_every=10)
    runs.prepare(used, "colorization", longer)
    assert runs.read_json(used / "config.json")["steps"] == 900


def test_a_run_without_checkpoint_may_be_replaced(tmp_path):
    runs.prepare(tmp_path, "colorization", ColorizationConfig.from_preset())
    runs.prepare(tmp_path, "colorization", ColorizationConfig.from_preset(width=0.5))
    assert runs.read_json(tmp_path / "config.json")["width"] == 0.5


@pytest.mark.parametrize("name", ["colorizer.keras", "results.json"])
def test_a_finished_run_without_checkpoints_is_kept(name, tmp_path):
    runs.prepare(tmp_path, "colorization", ColorizationConfig.from_preset())
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="another --workdir, or --overwrite"):
        runs.prepare(tmp_path, "colorization", ColorizationConfig.from_preset(seed=7))


def test_overwrite_removes_the_run_and_nothing_else(used):
    (used / "notes.txt").write_text("mine")
    (used / "results.json").write_text("{}")
    runs.prepare(
        used, "colorization", ColorizationConfig.from_preset(seed=1), overwrite=True
    )
    assert sorted(os.listdir(used)) == ["config.json", "notes.txt"]


def test_a_file_is_no_workdir(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match="The output must be a folder"):
        runs.prepare(file, "colorization", ColorizationConfig.from_preset())


def test_a_folder_that_cannot_be_written_is_named():
    # /proc takes no new folders, not even from root.
    if not pathlib.Path("/proc/self").exists():
        pytest.skip("needs /proc")
    with pytest.raises(OSError, match="The folder cannot be used.*proc/run"):
        runs.prepare("/proc/run", "colorization", ColorizationConfig.from_preset())


def test_broken_settings_are_named(used):
    (used / "config.json").write_text('{"width": ')
    with pytest.raises(ValueError, match="cannot be read.*config.json"):
        runs.prepare(used, "colorization", ColorizationConfig.from_preset())


def test_open_run_finds_model_settings_and_results(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "backbone.keras")
    runs.write_json(tmp_path / "results.json", {"steps": 3})
    run = runs.open_run(tmp_path, ["backbone"])
    assert run.folder == tmp_path and run.settings is None
    assert run.results == {"steps": 3}
    same = runs.open_run(tmp_path / "backbone.keras", ["colorizer"])
    assert same.model.count_params() == run.model.count_params() == 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A zoo with one model, `tiny`, and its file."""
    place = tmp_path_factory.mktemp("zoo")
    (place / "run").mkdir()
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone)[-1:], 4, hidden=4)
    model.save(place / "run" / "colorizer.keras")
    runs.write_json(place / "run" / "config.json", {"min_side": 20, "max_side": 31})
    runs.write_json(place / "run" / "results.json", {"steps": 3})
    zoo_entries.write(place / "run", place / "models" / "tiny")
    return place


def _tiny_colorizer(tiny, folder):
    shutil.copy(tiny / "run" / "colorizer.keras", folder)


@pytest.fixture
def models(tiny, tmp_path, monkeypatch):
    """The zoo, to be changed, and a working folder elsewhere."""
    shutil.copytree(tiny / "models", tmp_path / "models")
    monkeypatch.setenv("SELFSUP_MODELS", str(tmp_path / "models"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "models"


@pytest.mark.parametrize("name", ["colorizer", "backbone"])
def test_open_run_finds_models_of_the_zoo(name, models):
    run = runs.open_run("tiny", [name])
    assert run.model.name == "colorizer"
    assert run.settings == {"min_side": 20, "max_side": 31}
    assert run.results == {"steps": 3}
    assert run.side == 25
    # Reports must not go among the models.
    assert run.folder == pathlib.Path("runs/tiny") and not run.folder.exists()
    # Given as a path, as some callers do.
    assert runs.open_run(pathlib.Path("tiny"), [name]).side == 25


def test_a_path_wins_over_a_name(models, tiny):
    workdir = pathlib.Path("tiny")
    workdir.mkdir()
    with pytest.raises(FileNotFoundError, match="Received: tiny"):
        runs.open_run("tiny", ["colorizer"])
    _tiny_colorizer(tiny, workdir)
    run = runs.open_run("tiny", ["colorizer"])
    assert run.folder == workdir and run.settings is None and run.side is None


def test_a_changed_model_of_the_zoo_is_refused(models):
    with (models / "tiny" / "colorizer.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="not the one that was released"):
        runs.open_run("tiny", ["colorizer"])


def test_what_is_neither_path_nor_name_lists_the_names(models):
    with pytest.raises(
        FileNotFoundError, match=r"from the zoo \(.*tiny.*Received: tin"
    ):
        runs.open_run("tinny", ["colorizer"])


def test_side_of_training_comes_from_the_facts_where_there_are_no_settings(models):
    folder = models / "tiny"
    (folder / "config.json").unlink()
    assert runs.open_run("tiny", ["colorizer"]).side is None
    facts = runs.read_json(folder / "model.json")
    runs.write_json(folder / "model.json", {**facts, "side": 77})
    assert runs.open_run("tiny", ["colorizer"]).side == 77
    # The folder itself, as a path, tells it too.
    assert runs.open_run(folder, ["colorizer"]).side == 77


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"text"])
def test_a_broken_model_is_named(tmp_path, content):
    file = tmp_path / "broken.keras"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read.*broken.keras"):
        runs.open_run(file, ["colorizer"])


def test_a_truncated_model_is_named(tmp_path):
    file = tmp_path / "model.keras"
    keras.Sequential([keras.Input((9,)), keras.layers.Dense(99)]).save(file)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="cannot be read.*model.keras"):
        runs.open_run(file, ["colorizer"])


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"Received: {tmp_path}"):
        runs.open_run(tmp_path, ["colorizer"])


def test_a_finished_run_may_be_opened_again_and_again(used):
    config = ColorizationConfig.from_preset()
    for _ in range(2):
        runs.prepare(used, "colorization", config)
    assert runs.read_settings(used / "config.json") == {
        "task": "colorization",
        **config.to_json(),
    }


def test_another_task_is_refused_without_a_look_at_its_settings(used):
    runs.write_json(used / "config.json", {"task": "rotation", "angles": 4})
    message = r"Received: task \(there 'rotation', now 'colorization'\)$"
    with pytest.raises(ValueError, match=message):
        runs.prepare(used, "colorization", ColorizationConfig.from_preset())


def test_settings_without_a_task_are_of_colorization():
    assert runs.split_settings({"width": 1}) == ("colorization", {"width": 1})
    assert runs.split_settings({"task": "rotation"}) == ("rotation", {})


@pytest.mark.parametrize("content", ["[1]", "3", '"text"', "[]"])
def test_settings_that_are_no_object_are_named(content, used, tiny):
    (used / "config.json").write_text(content)
    with pytest.raises(TypeError, match=f"JSON object.*{used}/config.json"):
        runs.prepare(used, "colorization", ColorizationConfig.from_preset())
    _tiny_colorizer(tiny, used)
    with pytest.raises(TypeError, match=f"JSON object.*{used}/config.json"):
        runs.open_run(used)


@pytest.mark.parametrize("content", ["[1]", "3", '"text"', "[]"])
def test_results_that_are_no_object_are_named(content, used, tiny):
    _tiny_colorizer(tiny, used)
    (used / "results.json").write_text(content)
    with pytest.raises(TypeError, match=f"JSON object.*{used}/results.json"):
        runs.open_run(used)


def test_a_change_of_the_length_is_said(used, caplog):
    with caplog.at_level("INFO", logger="absl"):
        runs.prepare(used, "colorization", ColorizationConfig.from_preset(steps=900))
    assert "Going on with other settings: steps=900 (before: 450); the learning" in (
        caplog.text
    )


def test_a_field_that_no_longer_exists_is_named(used):
    content = {"task": "colorization", "hue": 1}
    runs.write_json(used / "config.json", content)
    with pytest.raises(ValueError, match="Received: hue$"):
        runs.prepare(used, "colorization", ColorizationConfig.from_preset())
    assert runs.read_json(used / "config.json") == content


def test_a_run_without_settings_is_not_gone_on_with(used):
    (used / "config.json").unlink()
    with pytest.raises(ValueError, match=f"{used} holds a run without settings"):
        runs.prepare(used, "colorization", ColorizationConfig.from_preset())


def test_the_newest_checkpoint_counts_the_steps(tmp_path):
    assert runs.steps_done(tmp_path) == 0
    checkpoint = tf.train.Checkpoint(x=tf.Variable(0))
    manager = tf.train.CheckpointManager(checkpoint, tmp_path / "checkpoints", 2)
    for step in (9, 10):
        manager.save(checkpoint_number=step)
    assert runs.steps_done(tmp_path) == 10


def test_other_images_are_refused(tmp_path):
    names = {"training": ["a.jpg", "b.jpg"], "held_out": ["c.jpg"]}
    runs.check_images(tmp_path, names, resuming=False)
    runs.check_images(tmp_path, names, resuming=True)
    before = (tmp_path / "images.json").read_text()
    for other in ({**names, "held_out": ["d.jpg"]}, {"training": names["training"]}):
        with pytest.raises(ValueError, match="2 images.*before: .*1 images"):
            runs.check_images(tmp_path, other, resuming=True)
    assert (tmp_path / "images.json").read_text() == before
    former = {part: [f"/moved/{name}" for name in names[part]] for part in names}
    with pytest.raises(ValueError, match="2 images"):
        runs.check_images(tmp_path, former, resuming=True)
    # A run of an earlier version knows them by other names.
    runs.check_images(tmp_path, former, resuming=True, former=names)
    runs.check_images(tmp_path, former, resuming=True)
    # A run that has not begun may have others.
    runs.check_images(tmp_path, other, resuming=False)
    assert (tmp_path / "images.json").read_text() != before


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("results.json", b'{"classes": 3}', "list of names as `classes`.*Received: 3 "),
        ("results.json", b'{"classes": [1]}', "list of names as `classes`"),
        ("results.json", b'{"constants": [1]}', "by name as `constants`"),
        ("results.json", b'{"constants": {"hue": "x"}}', "by name as `constants`"),
        ("results.json", b"[1]", "Expected a JSON object. Received: "),
        ("results.json", b"", "Expected JSON. Received: "),
        ("config.json", b"\xff\xfe\0", "Expected JSON. Received: "),
        ("config.json", b"[" * 100_000, "Expected JSON. Received: "),
        ("model.json", b'"text"', "Expected a JSON object. Received: "),
        ("model.json", b'{"side": "x"}', "as `side`. Received: 'x' in"),
        ("config.json", None, "Expected JSON. Received: .*directory"),
    ],
)
def test_files_of_a_wrong_kind_beside_a_model(
    name, content, message, tmp_path, monkeypatch
):
    (tmp_path / "backbone.keras").write_bytes(b"")
    monkeypatch.setattr(runs.weights, "read_model", lambda path: None)
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((TypeError, ValueError), match=message) as error:
        runs.open_run(tmp_path)
    assert str(tmp_path / name) in str(error.value)
