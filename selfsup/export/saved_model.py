"""Versions of a model for TensorFlow Serving."""

import logging
import pathlib

import keras
import tensorflow as tf

from selfsup import atomic, runs
from selfsup.data import decoding as data_decoding
from selfsup.export import (
    decoding,
    exported_model,
    graph_check,
    serving_heads,
    signatures,
    warmup,
)
from selfsup.export.config import ExportConfig

# Describes an export, beside its graph; the server does not read it.
METADATA = pathlib.PurePath("assets.extra", "selfsup.json")

# Side of the warm-up photograph: a network with unpadded fc6 takes no smaller one.
_SIDE, _SIDE_UNPADDED = 64, 224


def export_model(ckpt, output, config=None):
    """Writes a trained model as the next version of a served model.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        output: Folder of the served model; its name is the model's.
        config: An `ExportConfig`; None for the defaults.

    Returns:
        The path of the version's folder.

    Raises:
        FileNotFoundError: If there is no trained model.
        ValueError: If it can't be exported, or the version exists.
        OSError: If the folder cannot be written.
    """
    config = config or ExportConfig()
    # What cannot work is refused before the model is read.
    next_version(output, config.version)
    exported = exported_model.open_model(ckpt, config)
    return write(exported, output, config, str(ckpt))


def write(exported, output, config=None, origin=None):
    """Writes an opened model; see `export_model`.

    Args:
        exported: An `ExportedModel`.
        output: Folder of the served model.
        config: An `ExportConfig`; None for the defaults.
        origin: Where the model comes from, for the metadata.

    Returns:
        The path of the version's folder.

    Raises:
        ValueError: If the model can't be exported, or the version exists.
        OSError: If the folder cannot be written.
    """
    config = config or ExportConfig()
    output = pathlib.Path(output)
    archive, requests = _archive(exported, config)
    version = next_version(output, config.version)
    name = config.model_name or output.resolve().name
    with atomic.write_folder(output / str(version)) as folder:
        _write_out(archive, folder)
        graph_check.check(folder)
        warmup.write(folder, requests, name)
        runs.write_json(folder / METADATA, _metadata(exported, config, origin))
    return output / str(version)


def next_version(output, version=None):
    """Returns the number of the version to write.

    Args:
        output: Folder of the served model.
        version: The number wanted; None for one more than the largest there.

    Raises:
        ValueError: If that version exists.
        OSError: If the folder can't be read.
    """
    output = pathlib.Path(output)
    there = [path.name for path in output.iterdir()] if output.exists() else []
    numbers = [int(name) for name in there if name.isdecimal()]
    if version in numbers:
        raise ValueError(
            "The version exists and is not touched. Expected a free number, such as "
            f"{max(numbers) + 1}. Received: version={version} of {output}"
        )
    return version or max(numbers, default=0) + 1


def _archive(exported, config):
    """Returns the archive, each endpoint called once, and the warm-up requests."""
    limits = config.limits(exported.whole)
    head = serving_heads.build(exported, config)
    endpoints = {
        "serving_default": signatures.serving_default(head, *limits),
        "pixels": signatures.pixels(head, *limits),
        # Always at the images' own size.
        "features": signatures.features(
            exported, config.features, *config.limits(whole=True)
        ),
    }
    side = _warmup_side(exported)
    encoded, pixels = warmup.inputs(side)
    archive = keras.export.ExportArchive()
    archive.track(exported.model)
    requests = {}
    for name, endpoint in endpoints.items():
        archive.add_endpoint(name, endpoint)
        (spec,) = endpoint.input_signature
        requests[name] = {spec.name: encoded if name == "serving_default" else pixels}
        # A request that fails would keep the server from loading the version.
        try:
            endpoint(tf.constant(requests[name][spec.name]))
        except tf.errors.OpError as error:
            raise ValueError(
                f"The signature {name} fails on an image of {side} x {side} pixels. "
                "Expected settings that suit the network. Received: "
                f"max_pixels={config.max_pixels}, side={exported.side}, "
                f"crop_size={exported.crop_size} ({data_decoding.reason(error)})"
            ) from error
    return archive, requests


def _warmup_side(exported):
    fc6 = [layer for layer in exported.model.layers if layer.name == "fc6"]
    # Keras' own layers name their padding, ours counts it in pixels.
    unpadded = fc6 and fc6[0].padding in ("valid", ((0, 0), (0, 0)))
    return max(_SIDE_UNPADDED if unpadded else _SIDE, exported.crop_size or 0)


def _metadata(exported, config, origin):
    colors = exported.kind == "colorizer"
    return {
        "kind": exported.kind,
        "ckpt": origin,
        "input": exported.image.name,
        "side": exported.side,
        "crop_size": exported.crop_size,
        "max_pixels": config.limits(exported.whole)[0],
        "reads": decoding.KINDS,
        "classes": list(exported.classes),
        "hue_mode": config.hue_mode if colors else None,
        "chroma_mode": config.chroma_mode if colors else None,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def _write_out(archive, folder):
    # Keras and TensorFlow log a line for each variable.
    logging.disable(logging.WARNING)
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:
        raise OSError(atomic.first_line(error)) from error
    finally:
        logging.disable(logging.NOTSET)
