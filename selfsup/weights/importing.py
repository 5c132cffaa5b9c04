"""Weights of other programs in new models, whatever kind of file they are in."""

import pathlib

import h5py

from selfsup.weights import applications, caffe


def import_model(source, network=None, **options):
    """Reads weights of other programs into a new model.

    Args:
        source: `"imagenet"` for the weights that Keras downloaded of `network`,
            the path of such a file, or of a `.caffemodel.h5` file.
        network: A key of `networks.ARCHITECTURES`; None takes what the file holds.
        **options: Those of `caffe.load`, for its files; None is no option.

    Returns:
        A pair: a backbone, or a colorizer if the file has its head; and a
        `Report`.

    Raises:
        FileNotFoundError: If there is no such file; for `"imagenet"` it says
            how to get it.
        ValueError: If the file cannot be read or holds something else, or an
            option does not apply.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if source != "imagenet" and not _is_of_keras(source):
        return caffe.load(source, network, **options)
    if options:
        raise ValueError(
            "Keras' weights need no options. Expected none of those for Caffe's "
            f"files. Received: {source} with {', '.join(options)}"
        )
    if source == "imagenet":
        return applications.load(network)
    return applications.load(network or applications.recognize(source), source)


def _is_of_keras(path):
    """Tells whether a file is HDF5 as Keras 2 wrote it; one that is cut off is not."""
    if not pathlib.Path(path).is_file():
        return False
    try:
        with h5py.File(path) as file:
            return "layer_names" in file.attrs
    except OSError:
        return False
