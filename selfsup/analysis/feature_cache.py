"""Features that were extracted once are kept."""

import hashlib
import json
import os

import numpy as np

from selfsup import atomic
from selfsup.evaluation.journal import fingerprint


def cached(folder, about, compute):
    """Returns arrays from a file, or computes and keeps them.

    Args:
        folder: Path of the folder, a `pathlib.Path`; it is made.
        about: What JSON can hold and the arrays depend on.
        compute: Function that returns the list of arrays.

    Returns:
        A list of arrays.
    """
    digest = hashlib.sha256(json.dumps(about).encode(errors="surrogateescape"))
    path = folder / f"{digest.hexdigest()[:16]}.npz"
    if path.exists():
        with np.load(path) as arrays:
            return list(arrays.values())
    found = compute()
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.write(path) as unfinished:
        np.savez(unfinished, *found)
    return found


def identity(backbone, samples):
    """Returns what features of a set depend on: the weights, and the images and masks.

    Args:
        backbone: A Keras model.
        samples: A set of images; of those that are no files the names decide.
    """
    images = getattr(samples, "images", samples)
    files = (*getattr(images, "sources", ()), *getattr(samples, "mask_paths", ()))
    states = [os.stat(path) for path in files]
    return [
        fingerprint(backbone),
        [samples.name(index) for index in range(len(samples))],
        [(state.st_size, state.st_mtime_ns) for state in states],
    ]
