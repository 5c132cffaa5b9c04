"""Checkpoints hold everything, and only whole ones count."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.training import checkpoints as checkpoints_lib
from selfsup.training.checkpoints import Checkpoints, save_model
from selfsup.training.loop import LogRow


def _model(units=3):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)]
    )
    model.optimizer = keras.optimizers.Adam()
    model.optimizer.build(model.trainable_variables)
    return model


def _checkpoints(folder, model):
    return Checkpoints(folder, model, model.optimizer, LogRow(["loss"]))


def _step(model):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.ones([2, 4]), training=True) ** 2)
    variables = [variable.value for variable in model.trainable_variables]
    model.optimizer.apply(tape.gradient(loss, variables), model.trainable_variables)
    return float(loss)


def test_a_restored_run_goes_on_like_the_unbroken_one(tmp_path):
    model = _model()
    _step(model)
    kept = _checkpoints(tmp_path, model)
    kept.row.add({"loss": 2.0}, 4, 1.0)
    kept.save(1)
    unbroken = [_step(model) for _ in range(4)]

    again = _model()
    restored = _checkpoints(tmp_path, again)
    assert restored.restore() == 1
    # Dropout draws the same masks, the optimizer has the same moments.
    assert [_step(again) for _ in range(4)] == unbroken
    assert restored.row.steps == 4 and restored.row.means() == {"loss": 0.5}


def test_no_checkpoint_is_step_zero(tmp_path):
    assert _checkpoints(tmp_path / "none", _model()).restore() == 0


def test_a_half_written_checkpoint_is_not_picked_up(tmp_path):
    model = _model()
    kept = _checkpoints(tmp_path, model)
    kept.save(1)
    # What a kill leaves behind: data without index, the old `checkpoint` file.
    (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"half")
    assert _checkpoints(tmp_path, _model()).restore() == 1


def test_what_kills_left_is_removed(tmp_path):
    _checkpoints(tmp_path, _model()).save(1)
    whole = {path.name for path in tmp_path.iterdir()}
    (tmp_path / "ckpt-3_temp").mkdir()
    part = tmp_path / "ckpt-3_temp" / "part-00000-of-00001.data-00000-of-00001"
    part.write_bytes(b"half")
    # Before the file that names the newest was replaced, and after.
    for step in (0, 2):
        for ending in ("data-00000-of-00001", "index"):
            shutil.copy(
                tmp_path / f"ckpt-1.{ending}", tmp_path / f"ckpt-{step}.{ending}"
            )
    (tmp_path / "checkpoint.tmp0a1b").write_text("half")
    assert _checkpoints(tmp_path, _model()).restore() == 1
    assert {path.name for path in tmp_path.iterdir()} == whole


def test_checkpoints_that_nothing_names_stay(tmp_path):
    _checkpoints(tmp_path, _model()).save(1)
    (tmp_path / "checkpoint").unlink()
    assert _checkpoints(tmp_path, _model()).restore() == 0
    assert (tmp_path / "ckpt-1.index").exists()


def test_the_next_save_can_be_asked_for(tmp_path):
    kept = _checkpoints(tmp_path, _model())
    kept.save_next()
    assert kept.save_if_due(1)
    assert not kept.save_if_due(2)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, caplog):
    model = _model()
    kept = _checkpoints(tmp_path, model)
    kept.save(1)
    weights = model.get_weights()
    _step(model)
    kept.save(2)
    (data,) = tmp_path.glob("ckpt-2.data*")
    data.write_bytes(data.read_bytes()[:40])
    again = _model()
    assert _checkpoints(tmp_path, again).restore() == 1
    np.testing.assert_array_equal(again.get_weights()[0], weights[0])
    assert "ckpt-2" in caplog.text


def test_the_same_step_is_not_written_twice(tmp_path):
    kept = _checkpoints(tmp_path, _model())
    kept.save(1)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    kept.save(1)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert after == before


def test_another_model_is_refused(tmp_path):
    _checkpoints(tmp_path, _model(3)).save(1)
    with pytest.raises(ValueError, match="No checkpoint can be restored.*ckpt-1"):
        _checkpoints(tmp_path, _model(5)).restore()


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    model = _model()
    kept = _checkpoints(tmp_path, model)
    kept.save(1)

    def full(checkpoint_number):
        (tmp_path / f"ckpt-{checkpoint_number}.data-00000-of-00001").write_bytes(b"h")
        (tmp_path / f"ckpt-{checkpoint_number}_temp").mkdir()
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(kept._manager, "save", full)
    with pytest.raises(OSError, match="could not be written.*No space left.*ckpt-1"):
        kept.save(2)
    assert not list(tmp_path.glob("ckpt-2*"))
    assert _checkpoints(tmp_path, _model()).restore() == 1


def test_two_checkpoints_are_kept(tmp_path):
    kept = _checkpoints(tmp_path, _model())
    for step in (1, 2, 3):
        kept.save(step)
    names = sorted(path.stem for path in tmp_path.glob("*.index"))
    assert names == ["ckpt-2", "ckpt-3"]


def test_save_if_due_waits(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoints_lib.time, "monotonic", lambda: now[0])
    kept = _checkpoints(tmp_path, _model())
    assert not kept.save_if_due(1)
    now[0] += 30.0
    assert kept.save_if_due(2)
    assert not kept.save_if_due(3)


def test_saved_models_leave_the_optimizer_out_and_keep_it(tmp_path):
    model = _model(300)
    optimizer = model.optimizer
    save_model(model, tmp_path / "model.keras")
    assert model.optimizer is optimizer
    # 1,500 floats; the moments would triple them.
    assert (tmp_path / "model.keras").stat().st_size < 2 * 4 * 1500 + 20_000
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_a_model_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    model = _model()
    path = tmp_path / "model.keras"
    save_model(model, path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.saving, "save_model", full)
    with pytest.raises(OSError, match="could not be written.*model.keras"):
        save_model(model, path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
