"""Program that writes what our models compute under the settings of a `keras.json`.

KERAS_HOME=FOLDER python tests/channels_first.py MODELS OUTPUT.npz
"""

import pathlib
import sys

import keras
import numpy as np

import selfsup  # noqa: F401
from selfsup import heads, networks

import fakes

NETWORKS = {
    "vgg16": {"rescaling": ([2.0, 3.0, 4.0], 0.5), "input_channels": 3},
    "alexnet": {"padding": "bias"},
    "resnet": {"pool1": "symmetric"},
}


def built():
    """Returns tiny networks and heads, by name, with weights of a fixed seed."""
    models = {n: fakes.network(n, **options) for n, options in NETWORKS.items()}
    backbone = fakes.network("vgg16", padding="bias", fov_blocks=1)
    models["classifier"] = heads.classifier(backbone, 3)
    models["colorizer"] = heads.dense(
        heads.colorizer(backbone, networks.taps(backbone), 4, hidden=4)
    )
    return {name: fakes.randomize(model) for name, model in models.items()}


def outputs(models, prefix=""):
    """Returns what models answer to an image, arrays by name."""
    answers = {}
    for name, model in models.items():
        image = fakes.image(1, 96, 96, model.inputs[0].shape[-1])
        given = {"gray": image} if isinstance(model.input, dict) else image
        answer = model(given, training=False)
        answer = answer if isinstance(answer, dict) else {"": answer}
        for key, value in answer.items():
            answers[f"{prefix}{name}{key}"] = keras.ops.convert_to_numpy(value)
    return answers


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    loaded = {p.stem: keras.models.load_model(p) for p in folder.glob("*.keras")}
    setting = keras.config.image_data_format()
    answers = outputs(built()) | outputs(loaded, "loaded/")
    np.savez(sys.argv[2], setting=setting, **answers)
