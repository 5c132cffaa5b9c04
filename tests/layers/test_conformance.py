"""Every layer keeps the contract, on TensorFlow and on JAX, with the same values.

Run as a program it writes the outputs of the backend at hand:

    KERAS_BACKEND=jax python tests/layers/test_conformance.py OUTPUT.npz
"""

import inspect
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import tree

from selfsup import layers

import contracts
from contracts import ramp

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_TAPS = dict(strides=[1, 1, 2, 8], offsets=[0, 0, 0.5, 3.5])


def _taps(*channels):
    sizes = [(9, 11), (9, 11), (5, 6), (1, 1)]
    return [ramp(2, *size, c) for size, c in zip(sizes, channels, strict=True)]


def _points():
    return ramp(2, 7, 2, low=-3, high=14)


def _head():
    hidden = keras.layers.Dense(6, activation="relu")
    # Not in alphabetic order: saving must not confuse them.
    outputs = {"hue": keras.layers.Dense(4), "chroma": keras.layers.Dense(4)}
    return layers.DenseHead(hidden, outputs, tile_size=6, **_TAPS)


# Name of the case: (function that makes the layer, arguments of the call).
CASES = {
    "bias": (layers.Bias, [ramp(2, 5, 4, 3)]),
    "bias_plain_border": (lambda: layers.Bias(False), [ramp(2, 5, 4, 3)]),
    "conv_zeros": (
        lambda: layers.BiasPaddedConv2D(4, 3, padding=1),
        [ramp(2, 6, 5, 3)],
    ),
    "conv_border": (
        lambda: layers.BiasPaddedConv2D(4, (3, 2), 2, ((1, 2), (0, 1)), groups=2),
        [ramp(2, 6, 5, 4), ramp(4)],
    ),
    "conv_dilated": (
        lambda: layers.BiasPaddedConv2D(4, 3, padding=(2, 1), dilation_rate=2),
        [ramp(2, 7, 6, 3), ramp(3)],
    ),
    "lrn": (
        lambda: layers.LocalResponseNormalization(alpha=0.1),
        [ramp(2, 5, 4, 6)],
    ),
    "lrn_border": (layers.LocalResponseNormalization, [ramp(6)]),
    "pool": (lambda: layers.CeilMaxPooling2D(3, 2), [ramp(2, 6, 5, 3)]),
    "pool_padded": (lambda: layers.CeilMaxPooling2D(3, 2, 1), [ramp(2, 6, 5, 3)]),
    "pool_same": (lambda: layers.CeilMaxPooling2D(2, 2), [ramp(2, 6, 5, 3)]),
    "sparse": (
        lambda: layers.SparseHypercolumn(**_TAPS),
        [_taps(2, 1, 3, 4), _points()],
    ),
    "dense": (
        lambda: layers.DenseHypercolumn(output_stride=2, **_TAPS),
        [_taps(2, 1, 3, 4), ramp(2, 9, 11, 1)],
    ),
    "head": (_head, [_taps(2, 1, 3, 4), ramp(2, 9, 11, 1)]),
}


def _run(name):
    make, inputs = CASES[name]
    return contracts.check_layer(make(), inputs)


@pytest.fixture(scope="module")
def jax_outputs(tmp_path_factory):
    pytest.importorskip("jax")
    path = tmp_path_factory.mktemp("jax") / "outputs.npz"
    env = dict(
        os.environ,
        KERAS_BACKEND="jax",
        JAX_PLATFORMS="cpu",
        PYTHONPATH=os.pathsep.join([str(_ROOT), str(_ROOT / "tests")]),
    )
    done = subprocess.run(
        [sys.executable, __file__, str(path)], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return np.load(path)


@pytest.mark.parametrize("name", CASES)
def test_layer_keeps_the_contract_and_jax_agrees(name, jax_outputs):
    outputs = tree.flatten(_run(name))
    for i, output in enumerate(outputs):
        # Sums are ordered differently by the two backends.
        np.testing.assert_allclose(
            jax_outputs[f"{name}/{i}"], output, rtol=1e-5, atol=1e-5
        )


def test_every_layer_has_a_case():
    public = {x for x in vars(layers).values() if inspect.isclass(x)}
    assert {type(make()) for make, _ in CASES.values()} == public
    assert {x.__name__ for x in public} == set(layers.__all__)


def test_layers_are_registered_under_the_package():
    for name in layers.__all__:
        registered = keras.saving.get_registered_name(getattr(layers, name))
        assert registered == f"selfsup>{name}"


if __name__ == "__main__":
    np.savez(
        sys.argv[1],
        **{
            f"{name}/{i}": output
            for name in CASES
            for i, output in enumerate(tree.flatten(_run(name)))
        },
    )
