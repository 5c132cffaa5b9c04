"""On TensorFlow the trainers' step is timed, and its hypercolumn beside it."""

import numpy as np
import pytest
import tiny_step

from selfsup.analysis.benchmarks import step, synthetic, tf_step


def test_a_step_is_that_of_plain_keras():
    after, loss = tiny_step.trained_by_keras()
    model, optimizer = tiny_step.model_and_optimizer()
    batch = synthetic.batch(*tiny_step.SIZES)
    value, gradients = tf_step.loss_and_gradients(model, step.loss, batch)
    assert value == pytest.approx(loss, rel=1e-5)
    optimizer.apply(gradients, model.trainable_variables)
    expected = tiny_step.arrays(after)
    for variable in model.trainable_variables:
        found = variable.numpy()
        np.testing.assert_allclose(found, expected[variable.path], 1e-4, 1e-6)


@pytest.mark.slow
def test_the_hypercolumn_is_a_part_of_the_step():
    config = tiny_step.config(network="vgg16", crop_size=32, points=128, parts=True)
    found = step.measure(config)["timed_parts"]
    assert set(found) > {"step", "hypercolumn"}
    assert all(found[name]["milliseconds"] > 0 for name in ("step", "hypercolumn"))
    # 128 points of a 32 x 32 image: an eighth of its pixels.
    sparse, dense = (found[f"{name} hypercolumn"] for name in ("sparse", "dense"))
    assert dense["output_megabytes"] == 8 * sparse["output_megabytes"]
