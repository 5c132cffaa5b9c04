"""One item a replica: the same results, in order, on one device and on two."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from selfsup.inference.replicas import over_replicas

pytestmark = pytest.mark.slow


def test_one_device_gives_results_in_order():
    items = [(name, tf.ones([size])) for name, size in (("a", 3), ("b", 1), ("c", 5))]
    found = list(over_replicas(tf.reduce_sum, iter(items)))
    assert [(name, float(value)) for name, value in found] == [
        ("a", 3.0),
        ("b", 1.0),
        ("c", 5.0),
    ]


def test_no_items_give_no_results():
    assert list(over_replicas(tf.reduce_sum, [])) == []


def test_items_are_read_when_they_are_needed():
    read = []

    def items():
        for index in range(5):
            read.append(index)
            yield index, tf.zeros([1])

    results = over_replicas(tf.identity, items())
    next(results)
    assert read == [0]


def test_two_replicas_share_the_items_whatever_their_sizes():
    program = """
        import tensorflow as tf
        cpus = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
        from selfsup.inference.replicas import over_replicas
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            weight = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None, None])])
        def function(x):
            return weight * tf.transpose(x)

        items = [(i, tf.fill([i + 1, 2], float(i))) for i in range(5)]
        for i, result in over_replicas(function, items, strategy):
            print(i, result.shape[1], float(tf.reduce_sum(result)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = np.loadtxt(done.stdout.splitlines())
    expected = [[i, i + 1, 2.0 * i * (i + 1) * 2] for i in range(5)]
    np.testing.assert_allclose(rows, expected)
