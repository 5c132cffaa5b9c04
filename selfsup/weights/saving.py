"""Models written to `.keras` files, large ones without a copy in memory."""

import functools
import pathlib
import shutil
import zipfile

import h5py
import keras
import numpy as np

from selfsup import atomic
from selfsup.weights import slices

_WEIGHTS = "model.weights.h5"


def save(model, path, overwrite=False):
    """Writes a model to a `.keras` file, whole or not at all.

    The file is as `model.save` writes it. That keeps all weights in memory a
    second time, and the largest a third and fourth time; here they pass in
    slices, by way of a folder beside the file that needs as much room again.

    Args:
        model: A `keras.Model`.
        path: Path of the file; its folder is made if need be.
        overwrite: Whether to replace a file that exists.

    Raises:
        ValueError: If the path does not end in `.keras`.
        FileExistsError: If there is such a file.
        OSError: If it cannot be written.
    """
    path = checked_output(path, ".keras", overwrite)
    with atomic.write(path) as unfinished:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = unfinished.with_suffix(".folder")
        # What a kill may have left.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _save_to_folder(model, folder)
            with zipfile.ZipFile(unfinished, "w") as archive:
                for name in ("metadata.json", "config.json", _WEIGHTS):
                    archive.write(folder / name, name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def checked_output(path, suffix, overwrite):
    """Refuses a file that exists or has another ending.

    Args:
        path: Path of a file to write.
        suffix: What it must end in.
        overwrite: Whether it may exist.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: If it ends in something else.
        FileExistsError: If it exists and must not.
    """
    path = pathlib.Path(path)
    if path.suffix != suffix:
        raise ValueError(
            f"The output has another ending. Expected a {suffix} file. Received: {path}"
        )
    if path.is_dir() or (path.exists() and not overwrite):
        raise FileExistsError(
            f"The output exists. Expected a new {suffix} file, or to be told to "
            f"overwrite it. Received: {path}"
        )
    return path


def _save_to_folder(model, folder):
    """Lets Keras write everything but large weights, then adds those."""
    held = []
    layers = [layer for layer in model.layers if any(map(_is_large, layer.weights))]
    for layer in layers:
        # The hook by which Keras lets layers decide what is saved of them.
        layer.save_own_variables = functools.partial(
            _save_marks, layer.save_own_variables, held
        )
    try:
        keras.saving.save_model(model, folder, zipped=False)
    finally:
        for layer in layers:
            del layer.save_own_variables
    with h5py.File(folder / _WEIGHTS, "r+") as file:
        for name, number in _find_marks(file):
            _write(file, name, held[number])


def _is_large(value):
    return (
        isinstance(value, keras.Variable)
        and value.dtype == "float32"
        and np.prod(value.shape) > slices.LARGE
    )


def _save_marks(save_own_variables, held, store):
    """Stores an empty array for each large weight; its shape tells which it is."""
    values = {}
    save_own_variables(values)
    for name, value in values.items():
        if _is_large(value):
            store[name] = np.zeros((0, len(held)), np.float32)
            held.append(value)
        else:
            store[name] = value


def _find_marks(file):
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and len(item.shape) == 2 and not len(item):
            found.append((name, item.shape[1]))

    file.visititems(visit)
    return found


def _write(file, name, variable):
    del file[name]
    dataset = file.create_dataset(name, tuple(variable.shape), np.float32)
    for where, array in slices.read_first(variable):
        dataset[where] = array
