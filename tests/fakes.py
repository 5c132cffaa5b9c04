"""Tiny networks: a few channels, but every layer of the real ones."""

import keras
import numpy as np

from selfsup import heads, networks
from selfsup.networks import resnet

# The smallest width: 2 channels in the first layers, 64 in VGG's fc6.
WIDTH = 1 / 64

# A ResNet of 6 blocks, of every kind that real ones have.
_STAGES = ["2a", "2b"], ["3a", "3b1"], ["4a"], ["5a"]
RESNET = resnet.architecture(
    "resnet",
    _STAGES,
    ("conv1_relu", *(f"res{block}_relu" for stage in _STAGES for block in stage)),
)
_NETWORKS = {**networks.ARCHITECTURES, "resnet": RESNET}

# Smallest height and width of an image.
SMALLEST = {name: network.min_size for name, network in _NETWORKS.items()}


def network(name, width=WIDTH, **kwargs):
    """Builds a tiny network; `"resnet"` is one of 6 blocks, for speed.

    `networks.taps`, `networks.describe` and the like refuse that one, unless a test
    asks for the fixture `small_resnet`.
    """
    return _NETWORKS[name].builder(width=width, **kwargs)


def randomize(model, seed=0, bias=1.0):
    """Gives every weight random values, the running variances positive ones."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape, name = variable.shape, variable.name
        if name == "kernel":
            # Keeps the size of the activations: He's initializer.
            deviation = np.sqrt(2 / max(1, np.prod(shape[:-1])))
            variable.assign(rng.normal(0, deviation, shape).astype("float32"))
        elif name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 2, shape).astype("float32"))
        elif name in ("bias", "shift", "moving_mean"):
            variable.assign(rng.normal(0, bias, shape).astype("float32"))
    return model


def colorizer_run(folder):
    """Makes a folder with a tiny colorizer that knows the side of its training."""
    folder.mkdir()
    backbone = network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), 8, hidden=8)
    randomize(model, bias=0.3).save(folder / "colorizer.keras")
    backbone.save(folder / "backbone.keras")
    (folder / "config.json").write_text('{"min_side": 20, "max_side": 31}')
    return folder


def image(*shape, seed=0):
    """Returns noise in the range of the networks' inputs."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.45, 0.55, shape).astype("float32")


def maps(model, names):
    """Returns a model with the outputs of the layers of these names."""
    return keras.Model(model.input, [model.get_layer(n).output for n in names])


def always(hue_bin, chroma_bin, bins=32):
    """Returns a dense predictor that is sure of one bin, for images of any size."""

    import tensorflow as tf

    def predict(gray):
        shape = [*gray.shape[:3], bins]
        return {
            "hue": tf.broadcast_to(30.0 * tf.one_hot(hue_bin, bins), shape),
            "chroma": tf.broadcast_to(30.0 * tf.one_hot(chroma_bin, bins), shape),
        }

    return predict
