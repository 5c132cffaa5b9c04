"""Versions of an export: counted, written whole or not at all, never replaced."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import export
from selfsup.export import saved_model, warmup


@pytest.fixture
def quick(monkeypatch):
    """Replaces the model by a tiny graph; returns how to change it."""

    def use(function):
        archive = keras.export.ExportArchive()
        spec = tf.TensorSpec([None, 2], tf.float32, "x")
        archive.add_endpoint("serving_default", function, [spec])
        requests = {"serving_default": {"x": np.zeros([1, 2], np.float32)}}
        monkeypatch.setattr(saved_model, "_archive", lambda *_: (archive, requests))

    use(lambda x: {"y": x + 1.0})
    return use


@pytest.fixture
def exported(exported_models):
    return exported_models("classifier")


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_versions_count_up_from_the_largest(quick, exported, tmp_path):
    for name in ("2", "10", "x11", "0x13"):
        (tmp_path / name).mkdir()
    (tmp_path / ".unfinished-12" / "variables").mkdir(parents=True)
    assert export.write(exported, tmp_path) == tmp_path / "11"
    assert export.write(exported, tmp_path) == tmp_path / "12"
    config = export.ExportConfig(version=5)
    assert export.write(exported, tmp_path, config) == tmp_path / "5"
    # Readable by another user, as the server may be.
    assert (tmp_path / "5").stat().st_mode == (tmp_path / "x11").stat().st_mode
    # What a kill left is gone.
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"2", "5", "10", "11", "12", "x11", "0x13"}


def test_an_existing_version_is_not_touched(quick, exported, tmp_path):
    version = export.write(exported, tmp_path / "m")
    before = content(version)
    assert "saved_model.pb" in before
    config = export.ExportConfig(version=1)
    with pytest.raises(ValueError, match="such as 2. Received: version=1 of"):
        export.write(exported, tmp_path / "m", config)
    assert content(version) == before
    # Refused before the model is read.
    with pytest.raises(ValueError, match="Received: version=1 of"):
        export.export_model("no model", tmp_path / "m", config)


def test_another_export_at_the_same_time_is_not_overwritten(
    quick, exported, tmp_path, monkeypatch
):
    write = warmup.write

    def slowly(folder, requests, name):
        write(folder, requests, name)
        (tmp_path / "m" / "1").mkdir()
        (tmp_path / "m" / "1" / "theirs").touch()

    monkeypatch.setattr(warmup, "write", slowly)
    with pytest.raises(OSError, match="Received: .*m/1"):
        export.write(exported, tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").rglob("*")] == ["1", "theirs"]


def test_a_graph_that_cannot_serve_leaves_nothing(quick, exported, tmp_path):
    quick(lambda x: {"y": tf.py_function(abs, [x], tf.float32)})
    with pytest.raises(ValueError, match="Received: EagerPyFunc"):
        export.write(exported, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


def test_a_full_disk_leaves_nothing(exported, tmp_path, monkeypatch):
    class Archive:
        def write_out(self, folder, verbose):
            pathlib.Path(folder).mkdir()
            raise tf.errors.ResourceExhaustedError(None, None, "No space left")

    monkeypatch.setattr(saved_model, "_archive", lambda *_: (Archive(), {}))
    with pytest.raises(OSError, match="Received: .*m/1 .No space left"):
        export.write(exported, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


def test_a_request_that_fails_ends_the_export(exported, tmp_path):
    # The photograph of the warm-up has 64 x 64 pixels.
    config = export.ExportConfig(max_pixels=64 * 64 - 1, features=("fine",))
    message = "signature serving_default fails.*max_pixels=4095.*over 4095 pixels"
    with pytest.raises(ValueError, match=message):
        export.write(exported, tmp_path / "m", config)
    assert not (tmp_path / "m").exists()


def test_a_file_in_the_way_is_named(quick, exported, tmp_path):
    (tmp_path / "m").touch()
    with pytest.raises(NotADirectoryError, match="/m"):
        export.write(exported, tmp_path / "m")
    with pytest.raises(OSError, match="Received: .*m/x/1"):
        export.write(exported, tmp_path / "m" / "x")


def test_the_name_of_the_model_may_be_chosen(quick, exported, tmp_path):
    config = export.ExportConfig(model_name="colors")
    version = export.write(exported, tmp_path, config)
    assert b"\x0a\x06colors" in (version / warmup.FILE).read_bytes()
