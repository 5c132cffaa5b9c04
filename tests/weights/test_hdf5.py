"""Files that are opened, and what is said about files that cannot be."""

import h5py
import numpy as np
import pytest

from selfsup.weights import hdf5


def test_a_file_is_opened_for_reading(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = np.arange(3)
    with hdf5.opened(tmp_path / "x.h5") as file:
        assert file.mode == "r"
        np.testing.assert_array_equal(file["a"], [0, 1, 2])


def test_missing_files(tmp_path):
    for path in (tmp_path, tmp_path / "no.h5"):
        with pytest.raises(FileNotFoundError, match=f"Received: {path}$"):
            hdf5.opened(path)


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_truncated_files(part, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(1000)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=f"truncated.*Received: {path} "):
        hdf5.opened(path)


def test_files_of_another_kind(tmp_path):
    (tmp_path / "x.h5").write_text("text")
    with pytest.raises(ValueError, match=f"not HDF5.*Received: {tmp_path}/x.h5 "):
        hdf5.opened(tmp_path / "x.h5")
