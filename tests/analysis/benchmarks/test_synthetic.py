"""Random batches keep the contract of the pipeline's."""

import numpy as np

from selfsup.analysis.benchmarks import synthetic


def test_a_batch_is_as_the_pipeline_makes_them_and_always_the_same():
    batch = synthetic.batch(3, 16, points=5, bins=4)
    assert batch.gray.shape == (3, 16, 16, 1)
    assert batch.points.shape == (3, 5, 2)
    assert batch.points.min() >= 4 and batch.points.max() < 12
    for name in ("hue", "chroma"):
        assert batch.targets[name].shape == (3, 5, 4)
        np.testing.assert_allclose(batch.targets[name].sum(-1), 1, rtol=1e-6)
        assert batch.weights[name].shape == (3, 5)
    arrays = batch.gray, batch.points, *batch.targets.values(), *batch.weights.values()
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    again = synthetic.batch(3, 16, points=5, bins=4)
    np.testing.assert_array_equal(again.gray, batch.gray)
    np.testing.assert_array_equal(again.weights["chroma"], batch.weights["chroma"])
