"""Weights from a file, a run or another model, into a backbone."""

import pathlib
import zipfile
import zlib

import keras

from selfsup import layers
from selfsup.weights import adaptation, importing, transfer

# Layers of a head; their weights are left out.
_HEAD = ("h_fc1", "prediction")

# What Keras raises for files that are cut off, damaged or something else.
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
    """Copies weights into a backbone, strictly: all of them or none.

    The constants of local response normalisation are copied too, because
    `rebalance` changes them along with the weights. Load before the backbone is
    compiled or a graph is made of it: graphs keep the constants they began with.

    Args:
        backbone: A model of `selfsup.networks`, which is changed.
        source: A `.keras` file of a backbone, colorizer, segmenter or
            classifier, whose head is left out; a workdir, of which
            `backbone.keras` is taken; a `.h5` file that `import_model` reads;
            or a Keras model.
        new: Names of layers of the backbone that the source may lack, such as
            `("conv8_1", "bias8_1")`; they stay as they are.

    Returns:
        A `Report`: print it for a table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a whole `.keras` file, or its parameters are
            not the backbone's: all that are missing, superfluous or of another
            shape are listed.
    """
    if isinstance(source, keras.Model):
        model, origin = source, f"model {source.name!r}"
    else:
        path = _find(source)
        model, origin = read_model(path), str(path)
    values = {
        name: array
        for name, array in transfer.arrays(model).items()
        if not name.startswith(_HEAD)
    }
    report = transfer.assign(backbone, values, new=new, origin=origin)
    constants = adaptation.copy_constants(
        model, backbone, (layers.LocalResponseNormalization,)
    )
    rows = [transfer.Row(name, (), name, "copied") for name in constants]
    return transfer.Report((*report.rows, *rows), origin)


def _find(source):
    source = pathlib.Path(source)
    path = source / "backbone.keras" if source.is_dir() else source
    if not path.is_file():
        raise FileNotFoundError(
            "There are no weights. Expected a workdir with backbone.keras, a .keras "
            f"or a .h5 file. Received: {source}"
        )
    return path


def read_model(path):
    """Reads a `.keras` file, or a `.h5` file of another program.

    Args:
        path: Path of the file; a `.h5` file is imported, see `import_model`.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: If it is not a whole file of either kind; it is named.
    """
    if pathlib.Path(path).suffix == ".h5":
        return importing.import_model(path)[0]
    if pathlib.Path(path).suffix != ".keras":
        raise ValueError(
            "A model cannot be read. Expected a .keras file, or a .h5 file to "
            f"import. Received: {path}"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            "A model cannot be read: it is cut off, or something else. Expected a "
            f"whole .keras file. Received: {path}"
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            "A model cannot be read. Expected a whole .keras file. "
            f"Received: {path} ({reason})"
        ) from error
