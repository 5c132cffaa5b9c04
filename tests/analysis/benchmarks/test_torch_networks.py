"""Maps are read in PyTorch as our hypercolumn reads them."""

import numpy as np
import pytest

from selfsup import layers

torch = pytest.importorskip("torch", reason="PyTorch is only needed to compare with")


@pytest.mark.parametrize("stride, offset", [(1, 0.0), (2, 0.5), (8, 3.5), (32, 2.0)])
def test_a_map_is_read_as_by_our_layer(stride, offset):
    from selfsup.analysis.benchmarks import torch_networks

    rng = np.random.default_rng(0)
    tap = rng.normal(size=(2, 5, 6, 3)).astype(np.float32)
    points = rng.uniform(-3, 6 * stride, (2, 9, 2)).astype(np.float32)
    expected = layers.SparseHypercolumn([stride], [offset])([tap], points)
    given = torch.from_numpy(tap).permute(0, 3, 1, 2), torch.from_numpy(points)
    found = torch_networks.read(*given, stride, offset)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_other_networks_are_refused():
    from selfsup.analysis.benchmarks import torch_networks

    with pytest.raises(ValueError, match="resnet152, hypercolumn=True"):
        torch_networks.Colorizer("resnet152", True, 0.1, 8, 0.5)
