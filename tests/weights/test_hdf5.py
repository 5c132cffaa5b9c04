"""Files that are opened, and what is said about files that cannot be."""

import itertools

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


def _external_storage(file, secret):
    file.create_dataset("x", (4,), np.uint8, external=[(str(secret), 0, 4)])


def _external_link(file, secret):
    file["x"] = h5py.ExternalLink(str(secret), "/a")


def _virtual_dataset(file, secret):
    layout = h5py.VirtualLayout((4,), np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "a", (4,))
    file.create_virtual_dataset("x", layout)


def _soft_link(file, secret):
    file["x"] = h5py.SoftLink("/data/a")


def _cycle(file, secret):
    file["data/x"] = file["data"]


def _graph(file, secret):
    groups = [file.create_group(f"level{i}") for i in range(40)]
    for one, other in itertools.pairwise(groups):
        one["x"] = one["y"] = other


def _claim(file, secret):
    file.create_dataset("x", (2**40,), np.float32, chunks=(2**20,), compression="gzip")


def _unwritten(file, secret):
    file.create_dataset("x", (2**40,), np.float32)


def _overflow(file, secret):
    file.create_dataset("x", (2**32, 2**32), np.float32, chunks=(2**10, 2**10))


def _chunk(file, secret):
    file.create_dataset(
        "x", (1,), np.float32, chunks=(2**28,), maxshape=(None,), compression="gzip"
    )


def _one_array_in_many_places(file, secret):
    file["y"] = np.zeros(1000, np.float32)
    for i in range(200):
        file[f"x{i}"] = file["y"]


def _values(values):
    return lambda file, secret: file.create_dataset("x", data=values)


ATTACKS = {
    "external storage": (_external_storage, "/x, an array in another file"),
    "external link": (_external_link, "/x, a link"),
    "virtual dataset": (_virtual_dataset, "/x, an array made of others"),
    "soft link": (_soft_link, "/x, a link"),
    "stored type": (
        lambda file, _: file.__setitem__("x", np.dtype("f4")),
        "/x, a stored type",
    ),
    "cycle": (_cycle, "/data/x, a group that is in two places"),
    "graph": (_graph, "a group that is in two places"),
    "claim": (_claim, "arrays of 4,398,046,511,136 bytes in"),
    "unwritten": (_unwritten, "arrays of 4,398,046,511,136 bytes in"),
    "overflow": (_overflow, "arrays of 73,786,976,294,838,206,496 bytes in"),
    "chunk": (_chunk, "arrays of 1,073,741,856 bytes in"),
    "many": (_one_array_in_many_places, "arrays of 804,032 bytes in"),
    "complex": (_values(np.ones(2, np.complex64)), "/x, values of type complex64"),
    "text": (_values("text"), "/x, values of type object"),
    "reference": (
        lambda file, _: file.create_dataset("x", data=file.ref),
        "/x, values of type object",
    ),
    "record": (_values(np.zeros(2, "f4,i4")), "/x, values of type"),
    "nothing": (
        lambda file, _: file.create_dataset("x", data=h5py.Empty("f")),
        "/x, values of type float32",
    ),
    "filter": (
        lambda file, _: file.create_dataset("x", data=np.ones(9), compression="lzf"),
        "/x, a filter of another library",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_only_what_is_in_the_file_is_read(name, tmp_path):
    spoil, message = ATTACKS[name]
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = np.arange(4, dtype=np.uint8)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["data/a"] = np.arange(4.0)
        spoil(file, tmp_path / "secret.h5")
    with pytest.raises(ValueError, match=f"Received: {path} with .*{message}"):
        hdf5.opened(path)


def test_deep_groups_are_no_recursion(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        group = file
        for _ in range(2000):
            group = group.create_group("g")
        group["a"] = np.ones(2)
    with hdf5.opened(tmp_path / "x.h5") as file:
        (name,) = hdf5.datasets(file)
    assert name == "g/" * 2000 + "a"


def test_compressed_arrays_are_read(tmp_path):
    values = np.random.default_rng(0).random(5000).astype(np.float32)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset(
            "a", data=values, compression="gzip", shuffle=True, fletcher32=True
        )
    with hdf5.opened(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(file["a"], values)
