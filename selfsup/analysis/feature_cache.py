"""Features that were extracted once are kept."""

import contextlib
import hashlib
import json
import os
import zipfile
import zlib

import numpy as np

from selfsup import atomic
from selfsup.data import records
from selfsup.evaluation.journal import fingerprint

# What NumPy raises for a damaged archive.
_DAMAGED = EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error


def cached(folder, about, names, compute):
    """Returns arrays from a file; those that it lacks are computed and join it.

    Args:
        folder: Path of the folder, a `pathlib.Path`; it is made.
        about: What JSON can hold and the arrays depend on.
        names: Names of the arrays.
        compute: Function from the list of the missing names to their arrays.

    Returns:
        A dict from the names to the arrays.
    """
    digest = hashlib.sha256(json.dumps(about).encode(errors="surrogateescape"))
    path = folder / f"{digest.hexdigest()[:16]}.npz"
    found = {}
    # A damaged file is written anew. NumPy would leave it open.
    with (
        contextlib.suppress(FileNotFoundError, *_DAMAGED),
        open(path, "rb") as file,
        np.load(file) as arrays,
    ):
        found = dict(arrays)
    missing = [name for name in names if name not in found]
    if missing:
        found |= dict(zip(missing, compute(missing), strict=True))
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.write(path) as unfinished:
            np.savez(unfinished, **found)
    return {name: found[name] for name in names}


def identity(backbone, samples):
    """Returns what features of a set depend on: the weights, and the images and masks.

    Args:
        backbone: A Keras model.
        samples: A set of images; of those that are no files the names decide.
    """
    images = getattr(samples, "images", samples)
    sources = getattr(images, "sources", ())
    files = [*map(records.file_of, sources), *getattr(samples, "mask_paths", ())]
    names = [samples.name(index) for index in range(len(samples))]
    if len(sources) == len(names):
        # However the paths are spelled.
        names = [*map(os.path.abspath, sources)]
    return [
        fingerprint(backbone),
        names,
        [_state(path) for path in dict.fromkeys(files)],
    ]


def _state(path):
    """Returns what changes with a file; None of one that is named when it is read."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns
