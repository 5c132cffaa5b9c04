"""Weights from a file, a run or another model, and models from files."""

import pathlib
import zipfile
import zlib

import h5py
import keras

from selfsup import layers
from selfsup.weights import adaptation, applications, assignment, caffe

# Prefixes of the layers of a head; their weights are left out.
_HEAD = ("h_fc1", "prediction")

# What Keras raises for files that are truncated, damaged or of another kind.
_UNREADABLE = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def load(backbone, source, new=()):
    """Copies weights into a backbone, all of them or none.

    The constants of local response normalization are copied too, because
    `rebalance` changes them along with the weights. Load before the backbone is
    compiled or traced: graphs keep the constants they were traced with.

    Args:
        backbone: A model of `selfsup.networks`; it is changed.
        source: A `.keras` file of a backbone, or of a model with a head, which
            is left out; a workdir, of which `backbone.keras` is taken; a `.h5`
            file that `import_model` reads; or a Keras model.
        new: Names of layers of the backbone that the source may lack, such as
            `("conv8_1", "bias8_1")`; they keep their weights.

    Returns:
        A `Report`, which prints as a table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or parameters are missing, unexpected
            or of another shape; all are listed.

    Example:

    >>> backbone = networks.vgg16(width=0.02)
    >>> report = load(backbone, networks.vgg16(width=0.02))
    >>> print(str(report).splitlines()[-1])
    75 parameters of 53,826 values from model 'vgg16': 75 copied
    """
    if isinstance(source, keras.Model):
        model, origin = source, f"model {source.name!r}"
    else:
        path = _find(source)
        model, origin = read_model(path), str(path)
    values = {
        name: array
        for name, array in assignment.arrays(model).items()
        if not name.startswith(_HEAD)
    }
    report = assignment.assign(backbone, values, new=new, origin=origin)
    constants = adaptation.copy_constants(
        model, backbone, (layers.LocalResponseNormalization,)
    )
    rows = [assignment.Row(name, (), name, "copied") for name in constants]
    return assignment.Report((*report.rows, *rows), origin)


def _find(source):
    source = pathlib.Path(source)
    path = source / "backbone.keras" if source.is_dir() else source
    if not path.is_file():
        raise FileNotFoundError(
            "There are no weights. Expected a workdir with backbone.keras, a .keras "
            f"file or a .h5 file. Received: {source}"
        )
    return path


def read_model(path):
    """Reads a model from a `.keras` file, or from a `.h5` file of another program.

    Args:
        path: Path of the file; a `.h5` file is imported, see `import_model`.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: If the file is damaged or of another kind.
    """
    if pathlib.Path(path).suffix == ".h5":
        return import_model(path)[0]
    if pathlib.Path(path).suffix != ".keras":
        raise ValueError(
            "A model cannot be read. Expected a .keras file, or a .h5 file of weights "
            f"to import. Received: {path}"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            "A model cannot be read: the file is truncated or of another kind. "
            f"Expected a whole .keras file. Received: {path}"
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            "A model cannot be read. Expected a whole .keras file. "
            f"Received: {path} ({reason})"
        ) from error


def import_model(source, network=None, **options):
    """Reads weights of other programs into a new model.

    Args:
        source: `"imagenet"` for the ImageNet weights of `network` in Keras'
            cache, the path of such a file, or of a `.caffemodel.h5` file.
        network: A key of `networks.ARCHITECTURES`; None takes the one in the file.
        **options: Options of `caffe.load`, for Caffe files only; an option that
            is None is ignored.

    Returns:
        A pair of a model, which is a backbone, or a colorizer if the file has
        its head, and a `Report`.

    Raises:
        FileNotFoundError: If there is no such file; for `"imagenet"` the error
            says how to get it.
        ValueError: If the file is damaged or holds something else, or an option
            does not apply.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if source != "imagenet" and not _is_of_keras(source):
        return caffe.load(source, network, **options)
    if options:
        raise ValueError(
            "Options do not apply to the weights of Keras. Expected no options for "
            f"Caffe files. Received: {source} with {', '.join(options)}"
        )
    if source == "imagenet":
        return applications.load(network)
    return applications.load(network or applications.recognize(source), source)


def _is_of_keras(path):
    """Returns whether a file is HDF5 of Keras 2; False for one that is truncated."""
    if not pathlib.Path(path).is_file():
        return False
    try:
        with h5py.File(path) as file:
            return "layer_names" in file.attrs
    except OSError:
        return False
