"""A workdir keeps what it holds, and says what differs."""

import os
import pathlib

import keras
import pytest

from selfsup.training import workdirs
from selfsup.training.config import RESUMABLE, ColorizerConfig


@pytest.fixture
def used(tmp_path):
    """A workdir with a run that has a checkpoint."""
    workdir = workdirs.prepare(tmp_path / "run", ColorizerConfig.from_preset())
    (workdir / "checkpoints").mkdir()
    return workdir


def test_other_settings_are_listed(used):
    other = ColorizerConfig.from_preset(width=0.5, seed=7)
    with pytest.raises(ValueError, match=r"seed \(there 0, now 7\); width \(there"):
        workdirs.prepare(used, other, RESUMABLE)


def test_length_and_logging_may_change(used):
    longer = ColorizerConfig.from_preset(steps=900, log_every=5, keep_every=10)
    workdirs.prepare(used, longer, RESUMABLE)
    assert workdirs.read_json(used / "config.json")["steps"] == 900


def test_a_run_without_checkpoint_may_be_replaced(tmp_path):
    workdirs.prepare(tmp_path, ColorizerConfig.from_preset())
    workdirs.prepare(tmp_path, ColorizerConfig.from_preset(width=0.5))
    assert workdirs.read_json(tmp_path / "config.json")["width"] == 0.5


@pytest.mark.parametrize("name", ["colorizer.keras", "results.json"])
def test_a_finished_run_without_checkpoints_is_kept(name, tmp_path):
    workdirs.prepare(tmp_path, ColorizerConfig.from_preset())
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="another --workdir, or --overwrite"):
        workdirs.prepare(tmp_path, ColorizerConfig.from_preset(seed=7), RESUMABLE)


def test_overwrite_removes_the_run_and_nothing_else(used):
    (used / "notes.txt").write_text("mine")
    (used / "results.json").write_text("{}")
    workdirs.prepare(used, ColorizerConfig.from_preset(seed=1), overwrite=True)
    assert sorted(os.listdir(used)) == ["config.json", "notes.txt"]


def test_a_file_is_no_workdir(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match="must be a folder"):
        workdirs.prepare(file, ColorizerConfig.from_preset())


def test_a_folder_that_cannot_be_written_is_named():
    # /proc takes no new folders, not even from root.
    if not pathlib.Path("/proc/self").exists():
        pytest.skip("needs /proc")
    with pytest.raises(OSError, match="The workdir cannot be used.*proc/run"):
        workdirs.prepare("/proc/run", ColorizerConfig.from_preset())


def test_broken_settings_are_named(used):
    (used / "config.json").write_text('{"width": ')
    with pytest.raises(ValueError, match="cannot be read.*config.json"):
        workdirs.prepare(used, ColorizerConfig.from_preset())


def test_log_is_cut_back_to_the_step_and_torn_rows_go(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,step\n0,3.5,10.0\n1,2.5,20.0\n2,1.5,30.0\n3,1.")
    workdirs.cut_log(log, 20)
    assert log.read_text().split() == ["epoch,loss,step", "0,3.5,10.0", "1,2.5,20.0"]
    workdirs.cut_log(log, 5)
    assert not log.exists()
    workdirs.cut_log(log, 5)


def test_open_run_finds_model_settings_and_results(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "backbone.keras")
    workdirs.write_json(tmp_path / "results.json", {"steps": 3})
    run = workdirs.open_run(tmp_path, "backbone.keras")
    assert run.folder == tmp_path and run.settings is None
    assert run.results == {"steps": 3}
    same = workdirs.open_run(tmp_path / "backbone.keras", "colorizer.keras")
    assert same.model.count_params() == run.model.count_params() == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"text"])
def test_a_broken_model_is_named(tmp_path, content):
    file = tmp_path / "broken.keras"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read.*broken.keras"):
        workdirs.open_run(file, "colorizer.keras")


def test_a_truncated_model_is_named(tmp_path):
    file = tmp_path / "model.keras"
    keras.Sequential([keras.Input((9,)), keras.layers.Dense(99)]).save(file)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="cannot be read.*model.keras"):
        workdirs.open_run(file, "colorizer.keras")


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"Received: {tmp_path}"):
        workdirs.open_run(tmp_path, "colorizer.keras")
