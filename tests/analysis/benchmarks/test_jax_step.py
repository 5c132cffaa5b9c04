"""The compiled step on JAX is the one of plain Keras, and the benchmark runs there."""

import json

import jax_process
import numpy as np
import pytest
import tiny_step

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    """What `step_on_jax.py` writes and prints, in one process without TensorFlow."""
    pytest.importorskip("jax")
    path = tmp_path_factory.mktemp("step") / "results.npz"
    config = tiny_step.config().to_json()
    given = [f"--{name}={value}" for name, value in config.items() if value is not None]
    text = jax_process.run("step_on_jax.py", path, *given)
    return np.load(path), json.loads(text.splitlines()[-1])


def test_the_compiled_step_is_that_of_plain_keras(on_jax):
    after, _ = on_jax
    model, loss = tiny_step.trained_by_keras()
    before = tiny_step.arrays(tiny_step.model_and_optimizer()[0])
    np.testing.assert_allclose(after["loss"], loss, rtol=1e-5)
    moved = 0
    for name, expected in tiny_step.arrays(model).items():
        way = np.linalg.norm(expected - before[name])
        moved += way > 0
        # Of what the step changed; single precision rounds the weight itself too.
        allowed = 1e-3 * way + 1e-6 * np.linalg.norm(expected)
        assert np.linalg.norm(after[name] - expected) <= allowed, name
    # All but the shifts, one a convolution: weights and running statistics.
    assert moved == 5 * (1 + 1 + 2) + 2 * (1 + 1 + 2) + 3 * 2


def test_the_benchmark_prints_figures_and_the_loss_falls(on_jax):
    _, found = on_jax
    first, last = found["losses"]
    assert np.isfinite(first) and last < first
    assert found["framework"].startswith("keras") and "jax" in found["framework"]
    assert found["images_per_second"] == pytest.approx(4000 / found["milliseconds"])
    assert found["least_milliseconds"] <= found["milliseconds"]
    assert found["share_of_peak"] > 0 and found["compile_seconds"] > 0
    # XLA leaves out what is multiplied with padding, and counts all else too.
    assert 0.5 < found["xla_flops"] / found["flops"] < 3
