"""Loads models in another version of Keras; `weights/test_keras_floor.py` runs it.

Its argument is a folder of models; prints the version and how far each output is from
the one in the file of that name.
"""

import json
import pathlib
import sys

import keras
import numpy as np

from selfsup import weights

differences = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    model = weights.read_model(path)
    with np.load(path.with_suffix(".npz")) as arrays:
        inputs = keras.tree.map_structure(lambda x: arrays[x.name], model.input)
        expected = [arrays[f"output{i}"] for i in range(len(model.outputs))]
    outputs = keras.tree.flatten(model(inputs))
    differences[path.stem] = max(
        float(np.abs(one - other).max() / np.abs(other).max())
        for one, other in zip(outputs, expected, strict=True)
    )
print(json.dumps({"version": keras.__version__, "differences": differences}))
