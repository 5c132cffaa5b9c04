"""Graphs that a server could not run are refused."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.export import check, stock_ops


def saved(folder, function, shape=(None, 2), dtype=tf.float32):
    archive = keras.export.ExportArchive()
    spec = tf.TensorSpec(shape, dtype, "x")
    archive.add_endpoint("serving_default", function, [spec])
    archive.write_out(str(folder), verbose=False)
    return folder


def test_an_ordinary_graph_passes(tmp_path):
    check(saved(tmp_path / "1", lambda x: {"y": 2.0 * x}))


def by_python(x):
    return {"y": tf.ensure_shape(tf.py_function(lambda x: x, [x], tf.float32), [None])}


def by_numpy(x):
    value = tf.numpy_function(np.abs, [x], tf.float32, stateful=False)
    return {"y": tf.ensure_shape(value, [None, 2])}


@tf.function(jit_compile=True)
def _compiled(x):
    return x + 1.0


def inside_a_loop(x):
    values = tf.map_fn(lambda row: by_numpy(row[None])["y"][0], x)
    return {"y": values}


@pytest.mark.parametrize(
    "function, fault",
    [
        (by_python, "EagerPyFunc"),
        (by_numpy, "PyFunc"),
        (inside_a_loop, "PyFunc"),
        (lambda x: {"y": _compiled(x)}, "_XlaMustCompile"),
        (lambda x: {"y": tf.math.lgamma(x)}, "Lgamma"),
        (lambda x: {"y": tf.reduce_sum(x)}, "serving_default has y without"),
        (lambda x: {"y": tf.reshape(x[:1], [1, 2])}, "serving_default has y without"),
        (lambda x: {"y": tf.cast(x, tf.bfloat16)}, "has y of type bfloat16"),
    ],
    ids=["python", "numpy", "loop", "xla", "rare", "scalar", "one", "bfloat16"],
)
def test_what_a_server_lacks_is_named(tmp_path, function, fault):
    folder = saved(tmp_path / "1", function)
    with pytest.raises(ValueError, match=f"not run in a model server.*({fault})"):
        check(folder)


def test_a_batch_of_fixed_size_is_refused(tmp_path):
    folder = saved(tmp_path / "1", lambda x: {"y": x}, shape=(4, 2))
    with pytest.raises(ValueError, match="has x without a dimension for the batch"):
        check(folder)


def test_all_stock_operations_are_those_of_an_older_server():
    # What `TF_GetAllOpList` of the library of TensorFlow 2.19.1 returned.
    file = pathlib.Path(__file__).with_name("operations_2.19.1.txt")
    assert stock_ops.STOCK_OPS <= set(file.read_text().split())
    # That one would have to be Python's.
    assert not {name for name in stock_ops.STOCK_OPS if "PyFunc" in name}
