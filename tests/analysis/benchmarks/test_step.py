"""A step is timed on the backend at hand, in the precision asked for."""

import keras
import numpy as np
import pytest
import tiny_step

from selfsup.analysis.benchmarks import step, synthetic


@pytest.mark.slow
def test_a_step_is_timed_and_learns():
    found = step.measure(tiny_step.config())
    first, last = found["losses"]
    assert last < first
    assert found["network"] == "alexnet" and "tensorflow" in found["framework"]
    rate = found["flops"] * found["images_per_second"]
    assert found["teraflops"] == pytest.approx(rate / 1e12)
    assert found["share_of_peak"] == pytest.approx(rate / found["product_flops"])
    assert len(found["processor_seconds_by_round"]) == tiny_step.config().rounds


def test_only_a_cpu_computes_its_peak_in_single_precision():
    single = tiny_step.config(product_size=0)
    mixed = tiny_step.config(product_size=0, precision="mixed_bfloat16")
    assert step.product_size(single, on_cpu=True) == (512, "float32")
    assert step.product_size(mixed, on_cpu=True) == (512, "bfloat16")
    assert step.product_size(single, on_cpu=False) == (8192, "bfloat16")


def test_the_loss_counts_hue_five_times():
    batch = synthetic.batch(2, 16, points=3, bins=4)
    logits = np.zeros((2, 3, 4), np.float32)
    # The target's divergence from the same height in each bin.
    entropies = {
        name: np.mean(
            batch.weights[name] * np.sum(q * np.log(np.maximum(4 * q, 1e-30)), axis=-1)
        )
        for name, q in batch.targets.items()
    }
    found = step.loss({"hue": logits, "chroma": logits}, batch)
    expected = 5 * entropies["hue"] + entropies["chroma"]
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_mixed_precision_ends_with_the_building():
    config = tiny_step.config(precision="mixed_bfloat16", dropout=0.25)
    model = step.colorizer(config)
    assert keras.config.dtype_policy().name == "float32"
    for name, dtype in (
        ("conv1", "bfloat16"),
        ("hypercolumn", "bfloat16"),
        ("h_fc1", "bfloat16"),
        ("prediction_h", "float32"),
    ):
        assert model.get_layer(name).compute_dtype == dtype, name
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.get_layer("drop6").rate == model.get_layer("h_drop1").rate == 0.25
