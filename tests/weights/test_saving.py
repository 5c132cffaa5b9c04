"""Models in `.keras` files: as Keras writes them, but large weights in slices."""

import zipfile

import h5py
import keras
import numpy as np
import pytest

from selfsup import heads, networks
from selfsup.weights import saving, slices

import contracts
import fakes


@pytest.fixture(scope="module")
def model():
    backbone = fakes.randomize(fakes.network("vgg16", rescaling=(2.0, 0.5)))
    return heads.colorizer(backbone, networks.taps(backbone), bins=5, hidden=7)


def _contents(path, folder):
    """Returns the configuration and all arrays of a file."""
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == [
            "config.json",
            "metadata.json",
            "model.weights.h5",
        ]
        config = archive.read("config.json")
        archive.extract("model.weights.h5", folder)
    arrays = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = (item.dtype, item[()])

    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(visit)
    return config, arrays


@pytest.mark.parametrize("large", [30, 5000, slices.LARGE])
def test_file_is_that_of_keras(model, large, tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "LARGE", large)
    saving.save(model, tmp_path / "new" / "ours.keras")
    model.save(tmp_path / "theirs.keras")
    config, arrays = _contents(tmp_path / "new" / "ours.keras", tmp_path)
    expected_config, expected = _contents(tmp_path / "theirs.keras", tmp_path)
    assert config == expected_config
    assert list(arrays) == list(expected)
    for name, (dtype, array) in expected.items():
        assert arrays[name][0] == dtype
        np.testing.assert_array_equal(arrays[name][1], array)
    assert [x.name for x in (tmp_path / "new").iterdir()] == ["ours.keras"]
    # The layers are as they were.
    assert not any("save_own_variables" in vars(layer) for layer in model.layers)


def test_loaded_model_answers_alike(model, tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "LARGE", 500)
    saving.save(model, tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    inputs = {"gray": fakes.image(1, 32, 32, 1), "points": np.full((1, 2, 2), 9.0)}
    contracts.assert_close(again(inputs), model(inputs), 0, 0)


def test_other_types_than_float32_are_left_to_keras(tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "LARGE", 1)
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Dense(3, dtype="bfloat16")(image))
    saving.save(model, tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    contracts.assert_close(
        [np.float32(w) for w in again.get_weights()],
        [np.float32(w) for w in model.get_weights()],
    )


def test_existing_files_are_kept_unless_told_otherwise(model, tmp_path):
    path = tmp_path / "x.keras"
    path.write_text("old")
    with pytest.raises(FileExistsError, match=f"overwrite it. Received: {path}"):
        saving.save(model, path)
    assert path.read_text() == "old"
    saving.save(model, path, overwrite=True)
    assert zipfile.is_zipfile(path)


def test_other_endings_and_folders_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="Expected a .keras file. Received: .*x.h5"):
        saving.save(model, tmp_path / "x.h5")
    (tmp_path / "y.keras").mkdir()
    with pytest.raises(FileExistsError, match="y.keras"):
        saving.save(model, tmp_path / "y.keras", overwrite=True)


def test_failure_leaves_nothing_behind(model, tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "LARGE", 500)
    path = tmp_path / "x.keras"
    path.write_text("old")

    def fail(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(slices, "read_first", fail)
    with pytest.raises(OSError, match="could not be written.*No space left"):
        saving.save(model, path, overwrite=True)
    assert [x.name for x in tmp_path.iterdir()] == ["x.keras"]
    assert path.read_text() == "old"
    assert not any("save_own_variables" in vars(layer) for layer in model.layers)


def test_what_a_kill_left_does_not_disturb(model, tmp_path):
    left = tmp_path / ".x-unfinished.folder"
    left.mkdir()
    (left / "model.weights.h5").write_text("half")
    saving.save(model, tmp_path / "x.keras")
    assert [x.name for x in tmp_path.iterdir()] == ["x.keras"]
