"""A twin that is not ours is found out."""

import numpy as np
import pytest
import tiny_step

from selfsup.analysis.benchmarks import step

torch = pytest.importorskip("torch", reason="PyTorch is only needed to compare with")


def test_the_twin_is_ours_and_another_one_is_refused(monkeypatch):
    from selfsup.analysis.benchmarks import torch_twin

    config = tiny_step.config(network="vgg16", width=1 / 32)
    found = torch_twin.compare(config)
    for name in ("twin_loss", "twin_gradient_norm"):
        ours, twin = found[name]
        assert ours == pytest.approx(twin, rel=1e-3)
    # The backbone takes its part: a hidden layer of tiny weights would hide it.
    assert found["twin_gradient_norm"][0] > 1

    # As if our hue counted otherwise.
    monkeypatch.setattr(step, "LOSS_WEIGHTS", {"hue": 4, "chroma": 1})
    with pytest.raises(RuntimeError, match="not ours. Expected equal losses"):
        torch_twin.compare(config)


def test_axes_are_put_back():
    from selfsup.analysis.benchmarks import torch_twin

    for shape in ((3,), (3, 4), (2, 3, 4, 5)):
        array = np.arange(np.prod(shape)).reshape(shape)
        there = np.transpose(array, torch_twin.axes(shape))
        back = np.transpose(there, np.argsort(torch_twin.axes(shape)))
        np.testing.assert_array_equal(back, array)
