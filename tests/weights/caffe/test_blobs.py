"""The layout of the files, and what becomes of files that are something else."""

import h5py
import numpy as np
import pytest

from selfsup.weights import memory
from selfsup.weights.caffe import blobs

import caffe_files
import contracts


def _write(path):
    layers = {"conv1": [contracts.ramp(7, 3, 2, 2), np.ones(7)], "fc6": [np.ones(4)]}
    return caffe_files.write(path, layers, empty=["relu1", "data"], diff=True)


def test_blobs_are_found_and_the_rest_ignored(tmp_path):
    with blobs.opened(_write(tmp_path / "x.h5")) as file:
        assert file.shapes == {"conv1/0": (7, 3, 2, 2), "conv1/1": (7,), "fc6/0": (4,)}
        assert file.layers() == ("conv1", "fc6")
        assert file.record == {} and not file.not_finite
        np.testing.assert_array_equal(file.read("conv1/0"), contracts.ramp(7, 3, 2, 2))
        assert file.read("conv1/0", np.s_[:, :1]).shape == (7, 1, 2, 2)


def test_layers_are_left_out(tmp_path):
    with blobs.opened(_write(tmp_path / "x.h5")) as file:
        assert file.without(["fc6"]).layers() == ("conv1",)
        assert file.without(()).shapes == file.shapes
        assert file.layers() == ("conv1", "fc6")
        for wrong in ("fc6", ["fc6", "fc7"]):
            with pytest.raises(ValueError, match="conv1, fc6. Received: skip="):
                file.without(wrong)


def test_slices_make_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "SLICE", 25)
    with blobs.opened(_write(tmp_path / "x.h5")) as file:
        starts, arrays = zip(*file.slices("conv1/0"), strict=True)
    assert starts == (0, 2, 4, 6)
    np.testing.assert_array_equal(np.concatenate(arrays), contracts.ramp(7, 3, 2, 2))


def test_nested_and_bare_arrays_have_names(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data/inception/1x1/0"] = np.ones(3)
        file["data/bare"] = np.ones(2)
    with blobs.opened(tmp_path / "x.h5") as file:
        assert set(file.shapes) == {"inception/1x1/0", "bare"}
        assert set(file.layers()) == {"inception/1x1", ""}


def test_a_blob_of_two_layers_is_found_in_both(tmp_path):
    path = _write(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        file["data/tied/0"] = file["data/fc6/0"]
    with blobs.opened(path) as file:
        assert set(file.layers()) == {"conv1", "fc6", "tied"}


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32])
def test_other_types_are_read_as_float32(dtype, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data/conv1/0"] = np.arange(5).astype(dtype)
    with blobs.opened(tmp_path / "x.h5") as file:
        array = file.read("conv1/0")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.arange(5))


def test_values_that_are_not_finite_are_noted_once(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data/a/0"] = np.array([1, np.nan])
        file["data/b/0"] = np.array([1.0])
        file["data/c/0"] = np.array([1e300])  # More than float32 holds.
    with blobs.opened(tmp_path / "x.h5") as file:
        for name in ("a/0", "b/0", "c/0", "a/0"):
            file.read(name)
        assert file.not_finite == ["a/0", "c/0"]


def test_missing_files(tmp_path):
    for path in (tmp_path, tmp_path / "no.h5"):
        with (
            pytest.raises(FileNotFoundError, match=f"Received: {path}"),
            blobs.opened(path),
        ):
            pass


def _truncated(path):
    content = _write(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _keras_weights(path):
    with h5py.File(path, "w") as file:
        file["model_weights/conv1/kernel"] = np.ones(3)


def _unreadable_record(path):
    with h5py.File(_write(path), "r+") as file:
        file.attrs["selfsup"] = "{half"


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda path: path.write_text("no HDF5"), "not HDF5"),
        (lambda path: path.write_bytes(b""), "not HDF5"),
        (_truncated, "not HDF5.*Received: .*truncated"),
        (_keras_weights, "no Caffe weights.*with model_weights"),
        (lambda path: h5py.File(path, "w").close(), "no Caffe weights.*with nothing"),
        (
            lambda path: caffe_files.write(path, {}, empty=["relu1"]),
            "no Caffe weights.*with data",
        ),
        (_unreadable_record, "damaged.*Received: .*x.h5"),
    ],
    ids=["text", "empty", "truncated", "Keras", "no groups", "no blobs", "record"],
)
def test_files_that_are_no_caffe_weights(spoil, message, tmp_path):
    path = tmp_path / "x.h5"
    spoil(path)
    with pytest.raises(ValueError, match=message) as error, blobs.opened(path):
        pass
    assert str(path) in str(error.value)


def test_what_is_written_is_read(tmp_path):
    array = contracts.ramp(5, 2, 3, 3)
    entries = [("conv1/0", array.T.astype(float).T), ("conv1/1", np.ones(5))]
    blobs.write(tmp_path / "x.h5", entries, {"lrn": True, "rescaling": [1.0, 0.5]})
    with blobs.opened(tmp_path / "x.h5") as file:
        assert file.record == {"lrn": True, "rescaling": [1.0, 0.5]}
        np.testing.assert_array_equal(file.read("conv1/0"), array)
        assert file.layers() == ("conv1",)
    with h5py.File(tmp_path / "x.h5") as file:
        assert list(file) == ["data"] and file["data/conv1/0"].dtype == np.float32
