"""Exports for TensorFlow Serving: versions that are there whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import socket

import keras
import tensorflow as tf
from absl import logging

from selfsup import atomic, runs
from selfsup.export import decoding, signatures, stock_ops, subjects, tasks, warmup
from selfsup.export.settings import ExportSettings

# What is told about an export beside its graph; the server does not read it.
FACTS = pathlib.PurePath("assets.extra", "selfsup.json")

# Folders whose names are no numbers are ignored by the server.
_UNFINISHED = ".unfinished"

# Side of the warm-up photograph: a network with unpadded fc6 takes no smaller one.
_SIDE, _SIDE_UNPADDED = 64, 224


def export_model(ckpt, output, settings=None):
    """Writes a trained model as the next version of a served model.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        output: Folder of the served model; its name is the model's.
        settings: An `ExportSettings`; None for the defaults.

    Returns:
        The path of the version's folder.

    Raises:
        FileNotFoundError: If there is no trained model.
        ValueError: If it can't be exported, or the version exists.
        OSError: If the folder cannot be written.
    """
    settings = settings or ExportSettings()
    # What cannot work is refused before the model is read.
    next_version(output, settings.version)
    return write(subjects.open_subject(ckpt, settings), output, settings, str(ckpt))


def write(subject, output, settings=None, origin=None):
    """Writes an opened model; see `export_model`.

    Args:
        subject: A `subjects.Subject`.
        output: Folder of the served model.
        settings: An `ExportSettings`; None for the defaults.
        origin: Where the model comes from, for the facts beside it.

    Returns:
        The path of the version's folder.

    Raises:
        ValueError: If the model can't be exported, or the version exists.
        OSError: If the folder cannot be written.
    """
    settings = settings or ExportSettings()
    output = pathlib.Path(output)
    archive, requests = _archive(subject, settings)
    version = next_version(output, settings.version)
    name = settings.model_name or output.resolve().name
    with _appearing(output / str(version)) as folder:
        with _silence():
            archive.write_out(str(folder), verbose=False)
        stock_ops.check(folder)
        warmup.write(folder, requests, name)
        runs.write_json(folder / FACTS, _facts(subject, settings, origin))
    return output / str(version)


def next_version(output, version=0):
    """Returns the number of the version to write.

    Args:
        output: Folder of the served model.
        version: The number wanted; 0 for one more than the greatest there.

    Raises:
        ValueError: If there is that version, or `output` is a file.
    """
    output = pathlib.Path(output)
    if output.exists() and not output.is_dir():
        raise ValueError(
            "The folder of the served model is a file. Expected a folder, or a path "
            f"without one. Received: {output}"
        )
    there = [path.name for path in output.iterdir()] if output.is_dir() else []
    numbers = [int(name) for name in there if name.isdecimal() and name.isascii()]
    if version in numbers:
        raise ValueError(
            "The version exists and is not touched. Expected a free number, such as "
            f"{max(numbers) + 1}. Received: version={version} of {output}"
        )
    version = version or max(numbers, default=0) + 1
    if version >= 2**63:
        raise ValueError(
            "There is no next version: the server reads 64 bits. Expected --version "
            f"below {max(numbers)}. Received: {output} with {max(numbers)}"
        )
    return version


def _archive(subject, settings):
    """Returns the archive with its endpoints, tried, and the warm-up requests."""
    whole = subject.whole
    limits = settings.pixel_limit(whole), settings.longest_side(whole)
    task = tasks.build(subject, settings)
    endpoints = {
        "serving_default": signatures.serving_default(task, *limits),
        "pixels": signatures.pixels(task, *limits),
        # Always at the images' own size.
        "features": signatures.features(
            subject,
            settings.features,
            settings.pixel_limit(True),
            settings.longest_side(True),
        ),
    }
    side = _warmup_side(subject)
    encoded, pixels = warmup.inputs(side)
    archive = keras.export.ExportArchive()
    archive.track(subject.model)
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
                f"max_pixels={settings.max_pixels}, side={subject.side}, "
                f"crop_size={subject.crop_size} ({_reason(error)})"
            ) from error
    return archive, requests


def _reason(error):
    """Returns what an op said, without TensorFlow's account of where."""
    lines = [line for line in error.message.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith("assertion failed")]
    return (failed or lines)[0].strip()[:200]


def _warmup_side(subject):
    unpadded = [x for x in subject.model.layers if x.name == "fc6" and _unpadded(x)]
    return max(_SIDE_UNPADDED if unpadded else _SIDE, subject.crop_size or 0)


def _unpadded(layer):
    # Keras' own layers name their padding, ours counts it in pixels.
    padding = layer.padding
    return padding == "valid" or not isinstance(padding, str) and padding[0] == (0, 0)


def _facts(subject, settings, origin):
    return {
        "kind": subject.kind,
        "ckpt": origin,
        "input": subject.image.name,
        "side": subject.side,
        "crop_size": subject.crop_size,
        "max_pixels": settings.pixel_limit(subject.whole),
        "reads": decoding.KINDS,
        "classes": list(subject.classes),
        "hue_mode": settings.hue_mode if subject.kind == "colorizer" else None,
        "chroma_mode": settings.chroma_mode if subject.kind == "colorizer" else None,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


@contextlib.contextmanager
def _silence():
    """Keeps to errors: writing tells the names of all variables."""
    verbosity, level = logging.get_verbosity(), tf.get_logger().level
    logging.set_verbosity(logging.ERROR)
    tf.get_logger().setLevel("ERROR")
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        tf.get_logger().setLevel(level)


@contextlib.contextmanager
def _appearing(folder):
    """Lets a folder be written beside its place, and puts it there when done.

    A failure leaves nothing behind; a kill a folder that the server ignores and
    the next export on this machine removes.

    Args:
        folder: Path of the folder; it must not exist.

    Yields:
        The path to write to.

    Raises:
        OSError: If it cannot be written; it names `folder`.
    """
    prefix = f"{_UNFINISHED}-{socket.gethostname()}-"
    unfinished = folder.with_name(f"{prefix}{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f"{prefix}*"):
            if left == unfinished or not _runs(left.name.removeprefix(prefix)):
                shutil.rmtree(left, ignore_errors=True)
        yield unfinished
        # Refused if another export took the place meanwhile.
        unfinished.rename(folder)
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            "The export could not be written. Expected a writable folder with room "
            f"for it. Received: {folder} ({atomic.first_line(error)})"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _runs(number):
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
