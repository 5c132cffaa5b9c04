"""Versions of a model for TensorFlow Serving."""

import contextlib
import pathlib

import keras
import tensorflow as tf
from absl import logging

from selfsup import atomic, runs
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
        with _quiet_write():
            archive.write_out(str(folder), verbose=False)
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
        ValueError: If that version exists, or `output` is a file.
    """
    output = pathlib.Path(output)
    if output.exists() and not output.is_dir():
        raise ValueError(
            "The folder of the served model is a file. Expected a folder, or a path "
            f"without one. Received: {output}"
        )
    there = [path.name for path in output.iterdir()] if output.is_dir() else []
    numbers = [int(name) for name in there if name.isdecimal()]
    if version in numbers:
        raise ValueError(
            "The version exists and is not touched. Expected a free number, such as "
            f"{max(numbers) + 1}. Received: version={version} of {output}"
        )
    return version or max(numbers, default=0) + 1


def _archive(exported, config):
    """Returns the archive, each endpoint called once, and the warm-up requests."""
    whole = exported.whole
    limits = config.pixel_limit(whole), config.longest_side(whole)
    head = serving_heads.build(exported, config)
    endpoints = {
        "serving_default": signatures.serving_default(head, *limits),
        "pixels": signatures.pixels(head, *limits),
        # Always at the images' own size.
        "features": signatures.features(
            exported,
            config.features,
            config.pixel_limit(True),
            config.longest_side(True),
        ),
    }
    side = _warmup_side(exported)
    encoded, pixels = warmup.inputs(side)
    archive = keras.export.ExportArchive()
    archive.track(exported.model)
    requests = {}
    for name, (function, signature) in endpoints.items():
        # Given with its signature only, the archive would trace it again.
        endpoint = tf.function(function, input_signature=signature, autograph=False)
        answer = endpoint.get_concrete_function()
        archive.add_endpoint(name, endpoint)
        (spec,) = signature
        requests[name] = {spec.name: encoded if name == "serving_default" else pixels}
        # A request that fails would keep the server from loading the version.
        try:
            answer(tf.constant(requests[name][spec.name]))
        except tf.errors.OpError as error:
            raise ValueError(
                f"The signature {name} fails on an image of {side} x {side} pixels. "
                "Expected settings that suit the network. Received: "
                f"max_pixels={config.max_pixels}, side={exported.side}, "
                f"crop_size={exported.crop_size} ({_reason(error)})"
            ) from error
    return archive, requests


def _reason(error):
    """Returns what an op said, without TensorFlow's account of where."""
    lines = [line for line in error.message.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith("assertion failed")]
    return (failed or lines)[0].strip()[:200]


def _warmup_side(exported):
    unpadded = [x for x in exported.model.layers if x.name == "fc6" and _unpadded(x)]
    return max(_SIDE_UNPADDED if unpadded else _SIDE, exported.crop_size or 0)


def _unpadded(layer):
    # Keras' own layers name their padding, ours counts it in pixels.
    padding = layer.padding
    return padding == "valid" or not isinstance(padding, str) and padding[0] == (0, 0)


def _metadata(exported, config, origin):
    colors = exported.kind == "colorizer"
    return {
        "kind": exported.kind,
        "ckpt": origin,
        "input": exported.image.name,
        "side": exported.side,
        "crop_size": exported.crop_size,
        "max_pixels": config.pixel_limit(exported.whole),
        "reads": decoding.KINDS,
        "classes": list(exported.classes),
        "hue_mode": config.hue_mode if colors else None,
        "chroma_mode": config.chroma_mode if colors else None,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


@contextlib.contextmanager
def _quiet_write():
    """Logs errors alone, since writing an archive lists all variables.

    Raises:
        OSError: In place of an error of TensorFlow.
    """
    verbosity, level = logging.get_verbosity(), tf.get_logger().level
    logging.set_verbosity(logging.ERROR)
    tf.get_logger().setLevel("ERROR")
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(atomic.first_line(error)) from error
    finally:
        logging.set_verbosity(verbosity)
        tf.get_logger().setLevel(level)
