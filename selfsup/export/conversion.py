"""Models for other runtimes: ONNX and LiteRT by Keras' own export, and plain Keras."""

import importlib.util
import pathlib
import warnings

import keras

from selfsup import atomic, heads, networks, runs, weights
from selfsup.export import plain
from selfsup.export.exported_model import KINDS
from selfsup.weights import saving

# Names of the formats by the ending of the file, all but the first Keras' own.
_FORMATS = {".keras": "keras", ".onnx": "onnx", ".tflite": "litert"}

# Packages that TensorFlow does not bring.
_CONVERTERS = {"keras": (), "onnx": ("onnx", "tf2onnx"), "litert": ()}


def convert_run(ckpt, path, backbone=False):
    """Writes the model of a run as a file for other programs; see `convert`.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        path: Path of the file.
        backbone: Whether to leave the head out.

    Returns:
        The path.

    Raises:
        FileNotFoundError: If there is no trained model.
        ValueError: As `convert`, or if it is no model to export.
        FileExistsError, ImportError, OSError: As `convert`.
    """
    kinds = sorted(KINDS, key=heads.BACKBONE.__ne__) if backbone else KINDS
    model = runs.open_run(ckpt, kinds).model
    kind = heads.check_kind(model, KINDS, ckpt)
    if backbone and kind != heads.BACKBONE:
        model = _backbone(model)
    return convert(model, path)


def _backbone(model):
    backbone = networks.build(networks.describe(model))
    weights.load(backbone, model)
    return backbone


def is_file_format(path):
    """Returns whether the ending of a path is one that `convert` takes."""
    return pathlib.Path(path).suffix in _FORMATS


def convert(model, path):
    """Writes a model as an ONNX or LiteRT file, or one of Keras' own layers alone.

    The file takes what the Keras model takes, of any batch and image size:
    `gray [B, H, W, 1]` or `rgb [B, H, W, 3]`, in [0, 1] minus 0.4488, and
    `points [B, P, 2]` where the model predicts at points.

    Args:
        model: A backbone, classifier, colorizer or segmenter; the last two, for
            points, as ONNX only.
        path: Path of the file; its ending, `.keras`, `.onnx` or `.tflite`, names the
            format.

    Returns:
        The path.

    Raises:
        ImportError: If the converter is not installed.
        FileExistsError: If there is a file already.
        ValueError: If the ending is another one, or the format cannot hold the
            model.
        OSError: If the file cannot be written.
    """
    path = pathlib.Path(path)
    if path.suffix not in _FORMATS:
        raise ValueError(
            "A model cannot be converted. Expected a file that ends in "
            f"{' or '.join(_FORMATS)}. Received: {path}"
        )
    saving.checked_output(path, path.suffix, overwrite=None)
    name = _FORMATS[path.suffix]
    needed = _CONVERTERS[name]
    if not all(map(importlib.util.find_spec, needed)):
        raise ImportError(
            f"The converter is not installed. Expected: pip install -e '.[{name}]'. "
            f"Received: {path} without {' and '.join(needed)}"
        )
    if name == "litert" and any(x.name == "points" for x in model.inputs):
        raise ValueError(
            "LiteRT cannot hold the sampling at points without TensorFlow's own "
            "operations. Expected a backbone (--backbone) or a classifier, or a file "
            f"that ends in .onnx. Received: model={model.name!r}"
        )
    if name == "keras":
        weights.save(plain.of_stock_layers(model), path)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # A view of the graph, and called: Keras refuses models that were just loaded.
    view = keras.Model(model.input, model.output, name=model.name)
    view(view.input)
    with atomic.write(path) as unfinished, warnings.catch_warnings():
        # Of the converters, about NumPy's and TensorFlow's future.
        warnings.simplefilter("ignore")
        view.export(unfinished, format=name, verbose=False)
    return path
