"""Files of features are read back by the libraries that people read them with."""

import csv
import importlib.util

import numpy as np
import pytest

from selfsup.analysis import embedding_files

NAMES = ["a.jpg", 'b, "c".png', "dir/ü\n.jpg", "写.tif", "e"]
FEATURES = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
FEATURES[0] = 0, 1e-30, 1 / 3
BLOCKS = FEATURES[:2], FEATURES[2:2], FEATURES[2:]


def test_npz_holds_names_and_features(tmp_path):
    path = tmp_path / "a.npz"
    embedding_files.write(path, NAMES, BLOCKS, 3)
    with np.load(path) as file:
        assert sorted(file) == ["features", "names"]
        assert file["names"].tolist() == NAMES
        assert file["features"].dtype == np.float32
        np.testing.assert_array_equal(file["features"], FEATURES)


def test_npz_holds_maps_of_any_size(tmp_path):
    maps = [np.full((n, 2, 3), n, np.float32) for n in range(1, 6)]
    embedding_files.write(tmp_path / "a.npz", NAMES, [maps[:2], maps[2:]])
    with np.load(tmp_path / "a.npz") as file:
        assert set(file) == {"names", *(f"map_{n}" for n in range(5))}
        for number, whole in enumerate(maps):
            np.testing.assert_array_equal(file[f"map_{number}"], whole)


def test_csv_keeps_every_digit(tmp_path):
    embedding_files.write(tmp_path / "a.csv", NAMES, BLOCKS, 3)
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["name", "feature_0", "feature_1", "feature_2"]
    assert [row[0] for row in rows] == NAMES
    found = np.array([row[1:] for row in rows]).astype(np.float32)
    np.testing.assert_array_equal(found, FEATURES)


def test_parquet_holds_lists_of_one_length(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    embedding_files.write(tmp_path / "a.parquet", NAMES, BLOCKS, 3)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["name", "features"]
    assert str(table.schema.field("features").type).startswith("fixed_size_list<")
    assert table["name"].to_pylist() == NAMES
    found = np.array(table["features"].to_pylist(), np.float32)
    np.testing.assert_array_equal(found, FEATURES)


@pytest.mark.parametrize("suffix", ["npz", "csv", "parquet"])
def test_blocks_and_the_hour_do_not_change_the_file(suffix, tmp_path, monkeypatch):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    embedding_files.write(tmp_path / f"a.{suffix}", NAMES, BLOCKS, 3)
    monkeypatch.setattr("time.time", lambda: 1e9)
    blocks = BLOCKS if suffix == "parquet" else [FEATURES]  # It keeps row groups.
    embedding_files.write(tmp_path / f"b.{suffix}", NAMES, blocks, 3)
    one, other = ((tmp_path / f"{x}.{suffix}").read_bytes() for x in "ab")
    assert one == other


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    for name in ("features", "a.txt", "a.NPZ", "a.npy"):
        with pytest.raises(ValueError, match=".npz or .csv or .parquet. Received: .*"):
            embedding_files.check(tmp_path / name)
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(ValueError, match="Whole maps do not fit"):
            embedding_files.check(tmp_path / name, maps=True)
    (tmp_path / "a.npz").write_text("mine")
    with pytest.raises(FileExistsError, match="The output exists.*a.npz"):
        embedding_files.check(tmp_path / "a.npz")
    embedding_files.check(tmp_path / "a.npz", overwrite=True)
    (tmp_path / "b.npz").mkdir()
    with pytest.raises(FileExistsError):
        embedding_files.check(tmp_path / "b.npz", overwrite=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install -e '.\[parquet\]'. Received"):
        embedding_files.check(tmp_path / "a.parquet")
