"""Weights from a file, a run or another model, and models from files."""

import io
import json
import pathlib
import zipfile
import zlib
from concurrent import futures

import h5py
import keras
import tensorflow as tf

from selfsup import atomic, layers
from selfsup.weights import adaptation, applications, assignment, caffe, hdf5, saving

# Prefixes of the layers of a head; their weights are left out.
_HEAD = ("h_fc1", "prediction")


def load(backbone, source):
    """Copies weights into a backbone, all of them or none.

    The constants of local response normalization are copied too, because
    `rebalance` changes them along with the weights. Load before the backbone is
    compiled or traced: graphs keep the constants they were traced with.

    Args:
        backbone: A model of `selfsup.networks`; it is changed.
        source: A `.keras` file of a backbone, or of a model with a head, which
            is left out; a workdir, of which `backbone.keras` is taken; a `.h5`
            file that `import_model` reads; or a Keras model.

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
    report = assignment.assign(backbone, values, origin=origin)
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
    damaged = (AttributeError, zipfile.BadZipFile, zlib.error, *hdf5.UNREADABLE)
    try:
        _check_archive(path)
        model = keras.saving.load_model(path, compile=False)
        _check_finite(model)
        return model
    except damaged as error:
        raise ValueError(
            "A model cannot be read. Expected a whole .keras file, or a .h5 file of "
            f"weights to import. Received: {path} ({atomic.first_line(error)})"
        ) from error


def _check_archive(path):
    """Refuses an archive of more, or much larger, parts or layers than a model has."""
    if not zipfile.is_zipfile(path):
        raise ValueError("truncated, or of another kind")
    size = pathlib.Path(path).stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        parts = sorted(member.filename for member in members)
        if parts != sorted(saving.PARTS):
            raise ValueError(f"the parts {', '.join(parts)}")
        unpacked = sum(member.file_size for member in members)
        if unpacked > hdf5.MOST_EXPANSION * size:
            raise ValueError(f"parts of {unpacked:,} bytes in {size:,}")
        # From memory: a step back within an archive reads it from its start again.
        with h5py.File(io.BytesIO(archive.read(saving.WEIGHTS))) as file:
            hdf5.check(file, size, f"{path}: {saving.WEIGHTS}")
            held = sum(array.size for array in hdf5.datasets(file).values())
        config = json.loads(archive.read(saving.CONFIG))
    # Keras keeps a list, by thread, of variables to allocate later. It ends with this
    # thread.
    with futures.ThreadPoolExecutor(1) as thread:
        thread.submit(_check_layers, config, held).result()


def _check_layers(config, held):
    """Refuses layers of more values than the archive holds, without allocating them."""
    config.pop("compile_config", None)
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(config)
        if model.count_params() > held:
            sizes = {layer.name: layer.count_params() for layer in model.layers}
            name = max(sizes, key=sizes.get)
            raise ValueError(
                f"layer {name} of {sizes[name]:,} values, in a file of {held:,}"
            )


def _check_finite(model):
    wrong = [
        variable.path
        for variable in model.weights
        # Of TensorFlow, as NumPy does not know of bfloat16.
        if tf.as_dtype(variable.dtype).is_floating
        and not tf.reduce_all(tf.math.is_finite(variable.value))
    ]
    if wrong:
        raise ValueError(f"NaN or infinity in {', '.join(wrong)}")


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
    path = None if source == "imagenet" else source
    if path is not None:
        with hdf5.opened(path) as file:
            of_caffe = "layer_names" not in file.attrs
        if of_caffe:
            return caffe.load(path, network, **options)
    if options:
        raise ValueError(
            "The weights of Keras take no options of Caffe files. "
            f"Received: {source} with {', '.join(options)}"
        )
    return applications.load(network, path)
