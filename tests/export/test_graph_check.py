"""Graphs that a server could not run are refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.export.graph_check import check


def saved(folder, function):
    archive = keras.export.ExportArchive()
    spec = tf.TensorSpec([None, 2], tf.float32, "x")
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


def file_size(x):
    content = tf.io.read_file(tf.strings.as_string(x[0, 0]))
    return tf.cast(tf.strings.length(content), tf.float32)


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
        (lambda x: {"y": x + file_size(x)}, "ReadFile"),
    ],
    ids=["python", "numpy", "loop", "xla", "file"],
)
def test_what_a_server_cannot_run_is_named(tmp_path, function, fault):
    folder = saved(tmp_path / "1", function)
    with pytest.raises(ValueError, match=f"not run in a model server.*({fault})"):
        check(folder)
