"""What was computed once is read; what depends on something else is computed."""

import os

import numpy as np
import pytest

from selfsup import data, networks
from selfsup.analysis import feature_cache


def _never():
    raise AssertionError("computed again")


def test_arrays_are_computed_once(tmp_path):
    arrays = [np.arange(3), np.ones((2, 2), np.float32)]
    first = feature_cache.cached(tmp_path / "f", ["a", 1], lambda: arrays)
    again = feature_cache.cached(tmp_path / "f", ["a", 1], _never)
    for one, other, given in zip(first, again, arrays, strict=True):
        np.testing.assert_array_equal(one, given)
        np.testing.assert_array_equal(other, given)
    with pytest.raises(AssertionError, match="again"):
        feature_cache.cached(tmp_path / "f", ["a", 2], _never)


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
