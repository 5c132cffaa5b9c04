"""Keras' settings of other work change nothing, or are named."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from selfsup import backend, export, inference, training

import channels_first
import tool_calls

_HEADS = ["classifierclasses", "colorizerhue", "colorizerchroma"]
_NAMES = [*channels_first.NETWORKS, *_HEADS]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What models answer here, and where keras.json says channels_first."""
    folder = tmp_path_factory.mktemp("channels_first")
    settings = {"image_data_format": "channels_first", "backend": "tensorflow"}
    (folder / "keras.json").write_text(json.dumps({"floatx": "float32", **settings}))
    models = channels_first.built()
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    root = tool_calls.TOOLS.parent
    path = os.pathsep.join([str(root), str(root / "tests")])
    done = subprocess.run(
        [sys.executable, channels_first.__file__, str(folder), str(folder / "o.npz")],
        env={**os.environ, "KERAS_HOME": str(folder), "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    there = np.load(folder / "o.npz")
    assert there["setting"] == "channels_first"
    return channels_first.outputs(models), there


@pytest.mark.slow
@pytest.mark.parametrize("way", ["", "loaded/"])
@pytest.mark.parametrize("name", _NAMES)
def test_models_are_the_same_where_channels_come_first(name, way, answers):
    here, there = answers
    np.testing.assert_allclose(there[way + name], here[name], rtol=1e-5, atol=1e-5)


def test_another_backend_is_named_by_what_needs_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    needy = (inference, "colorize"), (training, "train"), (export, "export_model")
    for package, name in needy:
        with pytest.raises(RuntimeError, match="TensorFlow backend. Received: jax"):
            getattr(package, name)
    assert training.optimizers


def test_another_type_of_numbers_is_named_and_tools_set_it(monkeypatch):
    monkeypatch.setattr(keras.config, "floatx", lambda: "float16")
    for function in (training.train, training.evaluate):
        with pytest.raises(ValueError, match="Expected float32.*Received: float16"):
            function(None, "nowhere")
    monkeypatch.undo()
    keras.config.set_floatx("float64")
    keras.config.set_image_data_format("channels_first")
    backend.use_defaults()
    assert keras.config.floatx() == "float32"
    assert keras.config.image_data_format() == "channels_last"


def test_a_tool_names_a_backend_that_is_none(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    line = tool_calls.call_process("colorize.py", "--help").error_line()
    assert "Expected the TensorFlow backend. Received: nonsense" in line
