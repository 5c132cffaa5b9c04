"""Models in `.keras` files: equal to those that Keras writes."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from selfsup import atomic, heads, networks
from selfsup.weights import memory, saving

import contracts
import fakes


@pytest.fixture(scope="module", params=["flat", "nested"])
def model(request):
    backbone = fakes.randomize(fakes.network("vgg16", rescaling=(2.0, 0.5)))
    if request.param == "nested":
        return heads.jigsaw(backbone, 5, hidden=7)
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


def test_file_is_that_of_keras(model, tmp_path):
    saving.save(model, tmp_path / "new" / "ours.keras")
    model.save(tmp_path / "theirs.keras")
    config, arrays = _contents(tmp_path / "new" / "ours.keras", tmp_path)
    expected_config, expected = _contents(tmp_path / "theirs.keras", tmp_path)
    # All but what earlier versions of Keras refuse.
    config, expected_config = json.loads(config), json.loads(expected_config)
    assert config == saving._readable(expected_config)
    text = json.dumps(config)
    assert "quantization_config" not in text and "renorm" not in text
    assert list(arrays) == list(expected)
    for name, (dtype, array) in expected.items():
        assert arrays[name][0] == dtype
        np.testing.assert_array_equal(arrays[name][1], array)
    assert [x.name for x in (tmp_path / "new").iterdir()] == ["ours.keras"]
    # The layers are as they were.
    assert not any("save_own_variables" in vars(layer) for layer in model.layers)


def test_a_compact_file_is_half_as_large(tmp_path):
    model = keras.Sequential([keras.Input([400]), keras.layers.Dense(300)])
    saving.save(model, tmp_path / "whole.keras")
    saving.save(model, tmp_path / "compact.keras", compact=True)
    sizes = [(tmp_path / f"{n}.keras").stat().st_size for n in ("compact", "whole")]
    assert sizes[0] < 0.52 * sizes[1]


def test_a_compact_file_rounds_as_float16(model, tmp_path):
    saving.save(model, tmp_path / "whole.keras")
    saving.save(model, tmp_path / "compact.keras", compact=True)
    _, whole = _contents(tmp_path / "whole.keras", tmp_path)
    _, compact = _contents(tmp_path / "compact.keras", tmp_path)
    assert list(compact) == list(whole)
    for name, (dtype, array) in whole.items():
        assert compact[name][0] == dtype
        if dtype != np.float32:
            np.testing.assert_array_equal(compact[name][1], array)
        # Ties go to other sides, and float16 has fewer bits for the smallest.
        rounded = np.float32(np.float16(array))
        np.testing.assert_allclose(compact[name][1], rounded, rtol=2.0**-10, atol=1e-7)
        np.testing.assert_allclose(compact[name][1], array, rtol=2.0**-11)
    loaded = keras.saving.load_model(tmp_path / "compact.keras")
    saving.save(loaded, tmp_path / "again.keras", compact=True)
    for name, (_, array) in _contents(tmp_path / "again.keras", tmp_path)[1].items():
        np.testing.assert_array_equal(array, compact[name][1])


def test_weights_are_written_without_copies(model, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        h5py.Group,
        "__setitem__",
        lambda group, name, value, original=h5py.Group.__setitem__: (
            seen.append(value.ctypes.data),
            original(group, name, value),
        ),
    )
    saving.save(model, tmp_path / "x.keras")
    assert set(seen) == {memory.view(w).ctypes.data for w in model.weights}


def test_loaded_model_computes_the_same(model, tmp_path):
    saving.save(model, tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    inputs = {"gray": fakes.image(1, 32, 32, 1), "points": np.full((1, 2, 2), 9.0)}
    if model.name == "jigsaw":
        inputs = {"patches": fakes.image(1, 9, 12, 12, 1)}
    contracts.assert_close(again(inputs), model(inputs), 0, 0)


def test_other_types_than_float32(tmp_path):
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Dense(3, dtype="bfloat16")(image))
    saving.save(model, tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras")
    contracts.assert_close(
        [np.float32(w) for w in again.get_weights()],
        [np.float32(w) for w in model.get_weights()],
    )


def test_existing_files_are_kept_without_overwrite(model, tmp_path):
    path = tmp_path / "x.keras"
    path.write_text("old")
    with pytest.raises(FileExistsError, match=f"Received: {path}"):
        saving.save(model, path)
    assert path.read_text() == "old"
    saving.save(model, path, overwrite=True)
    assert zipfile.is_zipfile(path)


def test_other_endings_and_folders_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match=".keras file. Received: .*x.h5"):
        saving.save(model, tmp_path / "x.h5")
    (tmp_path / "y.keras").mkdir()
    with pytest.raises(FileExistsError, match="y.keras"):
        saving.save(model, tmp_path / "y.keras", overwrite=True)


def test_failure_leaves_nothing_behind(model, tmp_path, monkeypatch):
    path = tmp_path / "x.keras"
    path.write_text("old")

    def fail(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(memory, "view", fail)
    with pytest.raises(OSError, match="could not be written.*No space left"):
        saving.save(model, path, overwrite=True)
    assert [x.name for x in tmp_path.iterdir()] == ["x.keras"]
    assert path.read_text() == "old"
    assert not any("save_own_variables" in vars(layer) for layer in model.layers)


def test_what_a_kill_left_does_not_disturb(model, tmp_path):
    with atomic.write(tmp_path / "x.keras") as unfinished:
        left = unfinished.with_suffix(".folder")
        unfinished.touch()
    (tmp_path / "x.keras").unlink()
    left.mkdir()
    (left / "model.weights.h5").write_text("half")
    saving.save(model, tmp_path / "x.keras")
    assert [x.name for x in tmp_path.iterdir()] == ["x.keras"]
