"""Keras on JAX, without TensorFlow, computes what it does on TensorFlow."""

import jax_process
import numpy as np
import pytest

import neutral

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    """All that `on_jax.py` writes: one process, as starting JAX takes long."""
    pytest.importorskip("jax")
    path = tmp_path_factory.mktemp("jax") / "results.npz"
    jax_process.run("on_jax.py", path)
    return np.load(path)


def test_import_of_the_package_brings_its_layers_only(on_jax):
    imported = set(on_jax["imported"]) - {"selfsup", "selfsup.lazy", "selfsup.quiet"}
    assert "selfsup.layers.bias" in imported
    others = {name for name in imported if not name.startswith("selfsup.layers")}
    assert not others


def test_layers_agree(on_jax):
    for name, expected in neutral.layer_outputs().items():
        # Sums are ordered differently by the two backends.
        np.testing.assert_allclose(
            on_jax[name], expected, rtol=1e-5, atol=1e-5, err_msg=name
        )


def test_losses_agree(on_jax):
    for name, expected in neutral.loss_values().items():
        np.testing.assert_allclose(
            on_jax[name], expected, rtol=1e-5, atol=1e-6, err_msg=name
        )


def test_a_training_step_is_the_same(on_jax):
    step = neutral.training_step()
    gradients = [x for name, x in step.items() if name.startswith("gradient/")]
    assert len(gradients) > 30
    largest = max(np.linalg.norm(x) for x in gradients)
    for name, expected in step.items():
        # The predictions and the losses are in single precision all the same, and
        # small gradients are sums of large ones that cancel out.
        allowed = 1e-5 * np.linalg.norm(expected) + 1e-6 * largest
        assert np.linalg.norm(on_jax[name] - expected) <= allowed, name
