"""Saved models in the earliest version of Keras that the package supports."""

import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import zoo

import fakes

ROOT = pathlib.Path(__file__).parents[2]


def _models():
    yield "sample", zoo.load("sample")
    for name in ("alexnet", "vgg16", "resnet50"):
        for normalization in ("plain", "affine", "none"):
            backbone = fakes.network(name, padding="bias", normalization=normalization)
            backbone = fakes.randomize(backbone)
            yield f"{name}_{normalization}", backbone
    taps = networks.taps(backbone)
    yield "segmenter", heads.segmenter(backbone, taps, classes=3, hidden=4)
    yield "dense", heads.dense(heads.segmenter(backbone, taps, classes=3, hidden=4))
    yield "classifier", heads.classifier(backbone, classes=3)


@pytest.mark.slow
def test_models_of_this_version_work_in_the_earliest_one(tmp_path):
    floor = re.search(r"keras>=([\d.]+)", (ROOT / "setup.cfg").read_text())[1]
    for name, model in _models():
        weights.save(model, tmp_path / f"{name}.keras")
        inputs = {
            tensor.name: np.full((1, 2, 2), 9, np.float32)
            if tensor.name == "points"
            else fakes.image(1, 64, 64, tensor.shape[-1])
            for tensor in model.inputs
        }
        outputs = model(
            keras.tree.map_structure(
                lambda x, inputs=inputs: inputs[x.name], model.input
            )
        )
        outputs = {
            f"output{i}": np.asarray(output)
            for i, output in enumerate(keras.tree.flatten(outputs))
        }
        np.savez(tmp_path / f"{name}.npz", **inputs, **outputs)
    packages = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", packages, f"keras=={floor}"], check=True)
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "on_keras_floor.py", tmp_path],
        env={**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["version"] == floor
    assert len(result["differences"]) == 13
    assert max(result["differences"].values()) < 1e-4, result["differences"]
