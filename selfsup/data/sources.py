"""Opens sources by their specification and splits off the held-out part."""

import hashlib
import os

from selfsup.data import files, tfds
from selfsup.data.streams import FileImages, MixedImages


def open_images(specs=(), *, val_specs=(), val_fraction=0.0, subset="all", seed=0):
    """Opens image sources as one collection.

    Sources are folders (read with all folders below), list files, image files
    and data sets of TensorFlow Datasets as `tfds:NAME/SPLIT`. Several are
    mixed in proportion to their sizes.

    The held-out choice depends only on the seed and the files' names inside
    their source: it survives moving the data, and few files change sides when
    some are added.

    Args:
        specs: Specifications. Empty: the embedded photographs.
        val_specs: Specifications of the held-out sources.
        val_fraction: Fraction held out of `specs` where `val_specs` is empty:
            by file, by scene for the embedded photographs, by example at the
            end of a split of TensorFlow Datasets.
        subset: `"train"`, `"val"`, or `"all"` of `specs`.
        seed: Seed of the held-out choice.

    Returns:
        A collection; see `selfsup.data.streams`.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If a source holds no images, or the held-out part or its
            complement would be empty.

    Example:

    >>> len(open_images()), len(open_images(val_fraction=0.1, subset="val"))
    (46, 6)
    """
    if subset == "val" and val_specs:
        specs, val_fraction, subset = val_specs, 0.0, "all"
    if subset == "all" or val_specs:
        val_fraction = 0.0
    named, others = [], []
    for spec in specs:
        if str(spec).startswith(tfds.PREFIX):
            others.append(tfds.open_split(str(spec), val_fraction, subset))
        else:
            named += _named_files(str(spec))
    if not specs:
        named = [(path, files.photo_scene(path)) for path in files.embedded_photos()]
    if named:
        paths = [path for path, _ in named]
        if val_fraction:
            paths = _split(named, val_fraction, subset, seed)
        others.insert(0, FileImages(paths))
    return others[0] if len(others) == 1 else MixedImages(others)


def _named_files(spec):
    """Returns the files of a source as pairs of path and name for the split."""
    if os.path.isdir(spec):
        return [(path, os.path.relpath(path, spec)) for path in files.find_images(spec)]
    if not os.path.exists(spec):
        raise FileNotFoundError(
            "An image source does not exist. Expected a folder, a list file, an image "
            f"file or {tfds.PREFIX}NAME/SPLIT. Received: {spec!r}"
        )
    if files.has_image_extension(spec):
        return [(spec, os.path.basename(spec))]
    folder = os.path.dirname(spec)
    return [(path, os.path.relpath(path, folder)) for path in files.read_list(spec)]


def _split(named, fraction, subset, seed):
    """Returns the paths of one side of the held-out split.

    Files of one group, which are those of one name and one path, stay
    together.
    """
    # A path that two sources name belongs to the group of its first name.
    group = {}
    for path, name in named:
        group.setdefault(os.path.abspath(path), name)
    names = sorted(set(group.values()), key=lambda name: _rank(name, seed))
    count = max(1, round(fraction * len(names)))
    if count >= len(names):
        raise ValueError(
            "The held-out part would leave nothing to train on. Expected at least "
            f"2 files and a smaller val_fraction. Received: {len(names)} files, "
            f"val_fraction={fraction}"
        )
    held_out = set(names[:count])
    return [
        path
        for path, _ in named
        if (group[os.path.abspath(path)] in held_out) == (subset == "val")
    ]


def _rank(name, seed):
    text = f"{seed}/{name.replace(os.sep, '/')}".encode(errors="surrogateescape")
    return hashlib.sha256(text).digest(), name
