"""Models written to `.keras` files, large ones without a copy in memory."""

import functools
import json
import pathlib
import shutil
import zipfile

import h5py
import keras
import numpy as np

from selfsup import atomic
from selfsup.weights import memory, nesting

# The parts of a `.keras` file.
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
PARTS = ("metadata.json", CONFIG, WEIGHTS)

# Arguments that Keras added after 3.12, and what it writes where they are not used.
# Earlier versions refuse them.
_ADDED = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}


# Bits of a float32 that a compact file leaves out: those that float16 has no room for.
_LEFT_OUT = 13

# Numbers of an array from which it is compressed.
_COMPRESSED = 4096


def save(model, path, overwrite=False, compact=False):
    """Writes a model to a `.keras` file.

    The file is that of `model.save`, which keeps all weights in memory a second
    time and the largest a third and fourth time. Here they are written straight
    from the model to a folder beside the file, which takes as much room again
    on the disk. A failure leaves an older file as it was.

    Args:
        model: A `keras.Model`.
        path: Path of the file; its folder is created if needed.
        overwrite: Whether to replace a file that exists.
        compact: Whether to round weights to 11 significant bits, as many as float16
            has, and to compress the file: half its size, for models to be handed out.

    Raises:
        ValueError: If the path does not end in `.keras`.
        FileExistsError: If there is such a file.
        OSError: If it cannot be written.
    """
    path = checked_output(path, ".keras", overwrite)
    with atomic.write(path) as unfinished:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = unfinished.with_suffix(".folder")
        # A killed process may have left one.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _save_to_folder(model, folder)
            if compact:
                _compact(folder / WEIGHTS)
            config = json.loads((folder / CONFIG).read_text())
            (folder / CONFIG).write_text(json.dumps(_readable(config)))
            with zipfile.ZipFile(unfinished, "w") as archive:
                for name in PARTS:
                    archive.write(folder / name, name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _compact(path):
    """Rounds and compresses the arrays of an HDF5 file."""
    smaller = path.with_suffix(".smaller")

    def copy(name, item):
        if isinstance(item, h5py.Dataset):
            value = item[()]
            how = dict(compression="gzip", shuffle=True, chunks=value.shape)
            # Of small ones the index would take more than compression saves.
            how = how if value.size > _COMPRESSED else {}
            new = target.create_dataset(name, data=_rounded(value), **how)
        else:
            new = target.require_group(name)
        new.attrs.update(item.attrs)

    with h5py.File(path) as source, h5py.File(smaller, "w") as target:
        target.attrs.update(source.attrs)
        source.visititems(copy)
    smaller.replace(path)


def _rounded(value):
    if value.dtype != np.float32:
        return value
    bits = value.view(np.uint32) + np.uint32(1 << (_LEFT_OUT - 1))
    return (bits >> _LEFT_OUT << _LEFT_OUT).view(np.float32)


def _readable(config):
    """Returns a configuration without what earlier versions of Keras do not know."""
    if isinstance(config, dict):
        return {
            name: _readable(value)
            for name, value in config.items()
            if name not in _ADDED or value != _ADDED[name]
        }
    return [_readable(x) for x in config] if isinstance(config, list) else config


def checked_output(path, suffix, overwrite):
    """Checks the path of a file to write.

    Args:
        path: Path of the file.
        suffix: The ending it must have.
        overwrite: Whether it may exist; None where nobody can ask for that.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: If it has another ending.
        FileExistsError: If it exists and `overwrite` is not True, or is a folder.
    """
    path = pathlib.Path(path)
    if path.suffix != suffix:
        raise ValueError(
            "The output has the wrong ending. "
            f"Expected a {suffix} file. Received: {path}"
        )
    if path.is_dir() or (path.exists() and not overwrite):
        flag = "" if overwrite is None else ", or --overwrite (`overwrite=True`)"
        raise FileExistsError(
            f"The output exists. Expected the path of a new {suffix} file{flag}. "
            f"Received: {path}"
        )
    return path


def _save_to_folder(model, folder):
    """Lets Keras write the files of a model, from views of the weights."""
    layers = [layer for layer in nesting.all_layers(model) if layer.weights]
    for layer in layers:
        # The hook by which Keras lets layers decide what is saved of them.
        layer.save_own_variables = functools.partial(
            _save_views, layer.save_own_variables
        )
    try:
        keras.saving.save_model(model, folder, zipped=False)
    finally:
        for layer in layers:
            del layer.save_own_variables


def _save_views(save_own_variables, store):
    values = {}
    save_own_variables(values)
    for name, value in values.items():
        store[name] = _View(value) if isinstance(value, keras.Variable) else value


class _View:
    """A weight as an array that NumPy takes as it is, without a copy."""

    def __init__(self, variable):
        self._variable = variable

    def __array__(self, dtype=None, copy=None):
        return memory.view(self._variable)
