"""Opens sources by their specification and splits off the held-out part."""

import hashlib
import os
from typing import NamedTuple

from selfsup import paths
from selfsup.data import files, record_index, records, tfds
from selfsup.data.streams import FileImages, MixedImages


def open_images(specs=(), *, val_specs=(), val_fraction=0.0, subset="all", seed=0):
    """Opens image sources as one collection.

    Sources are folders (read with all folders below), list files, image files,
    folders of records, patterns of TFRecord files such as `DIR/*.tfrecord`, and data
    sets of TensorFlow Datasets as `tfds:NAME/SPLIT`. Several are mixed in proportion to
    their sizes. An image that is given twice, by whatever spellings of its path, counts
    once.

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
        ValueError: If a source holds no images, training images are among the
            held-out ones, or the held-out part or its complement would be empty.

    Example:

    >>> len(open_images()), len(open_images(val_fraction=0.1, subset="val"))
    (46, 6)
    """
    if subset == "val" and val_specs:
        specs, val_specs, subset = val_specs, (), "all"
    if subset == "all" or val_specs:
        val_fraction = 0.0
    named, splits = _listed(specs)
    if subset == "train" and val_specs:
        _check_apart((named, splits), _listed(val_specs))
    images = [tfds.open_split(spec, val_fraction, subset) for spec in splits]
    if named:
        chosen = list(named.values())
        if val_fraction:
            chosen = _split(chosen, val_fraction, subset, seed)
        files_chosen = [file.path for file in chosen], [file.name for file in chosen]
        images.insert(0, FileImages(*files_chosen))
    return images[0] if len(images) == 1 else MixedImages(images)


class _File(NamedTuple):
    """A file, its name inside its source, and what is held out together."""

    path: str
    name: str
    group: str


def _listed(specs):
    """Lists files and splits of TensorFlow Datasets, each once.

    Returns:
        A pair: a dict from the place of each file to a `_File`, the first of
        several spellings, and a list of specifications.
    """
    found, splits = [], {}
    for spec in map(paths.expanded, specs):
        if spec.startswith(tfds.PREFIX):
            splits[spec] = None
        else:
            found += [_File(path, name, name) for path, name in _named_files(spec)]
    if not specs:
        found = [
            _File(path, os.path.relpath(path, files.PHOTOS), files.photo_scene(path))
            for path in files.embedded_photos()
        ]
    named = {}
    places = records.places([file.path for file in found])
    for place, file in zip(places, found, strict=True):
        named.setdefault(place, file)
    return named, list(splits)


def _check_apart(trained, held_out):
    """Raises a ValueError if training images are among the held-out ones."""
    both = [held_out[0][place].path for place in trained[0].keys() & held_out[0].keys()]
    both += set(trained[1]) & set(held_out[1])
    if both:
        count = f"{len(both)} of both, such as {min(both)!r}"
        raise ValueError(
            "Training images are among the held-out ones. Expected `val_data` of "
            f"images that `data` does not name. Received: {count}"
        )


def _named_files(spec):
    """Returns the files of a source as pairs of path and name inside of it."""
    inside = record_index.open_spec(spec)
    if inside is not None:
        return list(zip(inside.sources, inside.keys, strict=True))
    if os.path.isdir(spec):
        return [(path, os.path.relpath(path, spec)) for path in files.find_images(spec)]
    if not os.path.exists(spec):
        raise FileNotFoundError(
            "An image source does not exist. Expected a folder, a list file, an image "
            f"file or {tfds.PREFIX}NAME/SPLIT. Received: {spec!r}"
        )
    if files.has_image_extension(spec):
        return [(spec, os.path.basename(spec))]
    if files.is_unread(spec):
        raise ValueError(
            "An image source is of a kind that is not read. Expected a file ending in "
            f"{', '.join(files.IMAGE_EXTENSIONS)}. Received: {spec!r}"
        )
    folder = os.path.dirname(spec)
    return [(path, os.path.relpath(path, folder)) for path in files.read_list(spec)]


def _split(named, fraction, subset, seed):
    """Returns the files of one side of the held-out split; groups stay together."""
    groups = {file.group for file in named}
    groups = sorted(groups, key=lambda name: rank(name, seed))
    count = max(1, round(fraction * len(groups)))
    if count >= len(groups):
        raise ValueError(
            "The held-out part would leave nothing to train on. Expected at least "
            f"2 files and a smaller val_fraction. Received: {len(groups)} files, "
            f"val_fraction={fraction}"
        )
    held_out = set(groups[:count])
    return [file for file in named if (file.group in held_out) == (subset == "val")]


def rank(name, seed):
    """Returns what orders names at random: those that come first are held out."""
    text = f"{seed}/{name.replace(os.sep, '/')}".encode(errors="surrogateescape")
    return hashlib.sha256(text).digest(), name
