"""What was computed once is read; what depends on something else is computed."""

import os

import numpy as np

from selfsup import data, networks
from selfsup.analysis import feature_cache
from selfsup.data import record_index, record_writing


def test_arrays_are_computed_once(tmp_path):
    arrays = {"x": np.arange(3), "y": np.ones((2, 2), np.float32), "z": np.zeros(1)}
    asked = []

    def compute(missing):
        asked.append(missing)
        return [arrays[name] for name in missing]

    def cached(about, *names):
        return feature_cache.cached(tmp_path / "f", about, names, compute)

    for names in ("yx", "xy", "x", "xyz", "zx"):
        found = cached(["a", 1], *names)
        assert list(found) == list(names)
        for name, array in found.items():
            np.testing.assert_array_equal(array, arrays[name])
    assert asked == [["y", "x"], ["z"]]
    cached(["a", 2], "x")
    assert asked[2:] == [["x"]]


def test_a_damaged_file_is_computed_again(tmp_path):
    def cached():
        about, rows = ["a"], [np.arange(1000)]
        return feature_cache.cached(tmp_path, about, ["x"], lambda _: rows)["x"]

    cached()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:700], whole[:-30], b"PK" + whole[:100], b"no archive"):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(cached(), np.arange(1000))
        assert path.read_bytes()[:700] == whole[:700]


def test_the_identity_changes_with_weights_files_and_names(tmp_path, photos):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes((photos / "aitzgorri.jpg").read_bytes())
    images = data.open_images([str(tmp_path)])
    backbone = networks.alexnet(width=0.02)
    seen = [feature_cache.identity(backbone, images)]
    assert feature_cache.identity(backbone, images) == seen[0]
    seen.append(feature_cache.identity(backbone, images.subset([0])))
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    seen.append(feature_cache.identity(backbone, images))
    kernel = backbone.get_layer("conv1").kernel
    kernel.assign(kernel + 1)
    seen.append(feature_cache.identity(backbone, images))
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])


def test_the_identity_is_that_of_the_files_however_they_are_called(
    tmp_path, photos, monkeypatch
):
    (tmp_path / "a.jpg").write_bytes((photos / "aitzgorri.jpg").read_bytes())
    backbone = networks.alexnet(width=0.02)
    whole = feature_cache.identity(backbone, data.open_images([str(tmp_path)]))
    monkeypatch.chdir(tmp_path.parent)
    images = data.open_images([tmp_path.name])
    assert feature_cache.identity(backbone, images) == whole


def test_records_have_an_identity(tmp_path):
    config = record_writing.RecordsConfig(data=())
    opened = record_writing.open_sources(config)
    record_writing.write_shards(config, opened, tmp_path, [0], 1, processes=1)
    paths = [record_index.shard_path(tmp_path, 0, 1)]
    record_index.write_manifest(tmp_path, paths)
    images = data.open_images([str(tmp_path)])
    backbone = networks.alexnet(width=0.02)
    one, other = (feature_cache.identity(backbone, images.subset([i])) for i in (0, 1))
    assert one != other
