"""Models of `keras.applications` and files as Keras downloads them."""

import h5py
import keras
import numpy as np

from selfsup.weights import assignment


def random_application(name, **arguments):
    """Builds one with random weights, and statistics that are not trivial."""
    keras.utils.set_random_seed(3)
    model = getattr(keras.applications, name)(weights=None, **arguments)
    random = np.random.default_rng(3)
    ranges = {
        "bias": (-0.3, 0.3),
        "beta": (-0.3, 0.3),
        "gamma": (0.3, 0.6),
        "moving_mean": (-0.5, 0.5),
        # Small ones, to which the epsilons matter.
        "moving_variance": (1e-4, 2.0),
    }
    for path, variable in assignment.parameters(model).items():
        kind = path.rpartition("/")[2]
        if kind in ranges:
            variable.assign(random.uniform(*ranges[kind], variable.shape))
    return model


def write(model, path):
    """Writes a file as those that Keras downloads: HDF5 of the former kind."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{w.name}:0".encode() for w in layer.weights]
            group.attrs["weight_names"] = names
            for name, weight in zip(names, layer.weights, strict=True):
                group[name.decode()] = weight.numpy()
