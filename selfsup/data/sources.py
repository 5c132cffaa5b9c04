"""Opens sources by their specification and splits off the held-out part."""

import hashlib
import os
from typing import NamedTuple

from selfsup import paths
from selfsup.data import files, record_index, records, shares, tfds
from selfsup.data.streams import FileImages, MixedImages


def open_images(specs=(), *, val_specs=(), val_fraction=0.0, subset="all", seed=0):
    """Opens image sources as one collection.

    Sources are folders (read with all folders below), list files, image files,
    folders of records, patterns of TFRecord files such as `DIR/*.tfrecord`, and data
    sets of TensorFlow Datasets as `tfds:NAME/SPLIT`. Several are mixed in proportion to
    their sizes. An image that is given twice, by whatever spellings of its path, counts
    once.

    `SOURCE=0.3` gives a source 30 % of the samples of the shuffled stream. Sources
    without a share get what is left, in proportion to their sizes; where all have one,
    shares are relative to their sum. An image of several sources belongs to the first
    of them that has a share. What exists is a path, also if its name ends in `=0.3`.

    The held-out choice depends only on the seed and the files' names inside
    their source: it survives moving the data, and few files change sides when
    some are added. Shares do not change it.

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
            held-out ones, the held-out part or its complement would be empty, a share
            is none, or held-out sources have shares.

    Example:

    >>> len(open_images()), len(open_images(val_fraction=0.1, subset="val"))
    (46, 6)
    """
    shares.check_none(val_specs)
    if subset == "val" and val_specs:
        specs, val_specs, subset = val_specs, (), "all"
    if subset == "all" or val_specs:
        val_fraction = 0.0
    mix = shares.parse(specs)
    named, splits = _listed(mix.sources, mix.parts)
    if subset == "train" and val_specs:
        _check_apart((named, splits), _listed(val_specs))
    chosen = list(named.values())
    if named and val_fraction:
        chosen = _split(chosen, val_fraction, subset, seed)
    opened = {spec: tfds.open_split(spec, val_fraction, subset) for spec in splits}
    # Held-out images are the same with shares or without, in the same order.
    if mix.weights is None or subset == "val":
        return _collection(chosen, opened.values())
    parts = []
    for number in range(len(mix.weights)):
        found = [file for file in chosen if file.part == number]
        others = [opened[spec] for spec, part in splits.items() if part == number]
        if not found and not others:
            raise ValueError(
                "A source has no images of its own to train on. Expected some that are "
                "not held out, and that no source with a share names before it. "
                f"Received: {mix.sources[mix.parts.index(number)]!r}"
            )
        parts.append(_collection(found, others))
    return parts[0] if len(parts) == 1 else MixedImages(parts, mix.weights)


def _collection(found, others):
    """Returns files and other collections as one, mixed by their sizes."""
    images = list(others)
    if found:
        paths_and_names = [file.path for file in found], [file.name for file in found]
        images.insert(0, FileImages(*paths_and_names))
    return images[0] if len(images) == 1 else MixedImages(images)


class _File(NamedTuple):
    """A file, its name inside its source, what is held out together, and its part."""

    path: str
    name: str
    group: str
    part: int


def _listed(specs, parts=None):
    """Lists files and splits of TensorFlow Datasets, each once.

    Args:
        specs: Specifications of sources without shares.
        parts: Numbers of the parts that they are in; None for a single part.

    Returns:
        A pair: a dict from the place of each file to a `_File`, the first of
        several spellings, and a dict from specifications to numbers of parts. Of
        several parts the first counts.
    """
    found, splits = [], {}
    for spec, part in zip(specs, parts or [0] * len(specs), strict=True):
        spec = paths.expanded(spec)
        if spec.startswith(tfds.PREFIX):
            splits[spec] = min(part, splits.get(spec, part))
        else:
            found += [_File(p, name, name, part) for p, name in _named_files(spec)]
    if not specs:
        found = [
            _File(path, os.path.relpath(path, files.PHOTOS), files.photo_scene(path), 0)
            for path in files.embedded_photos()
        ]
    named = {}
    places = records.places([file.path for file in found])
    for place, file in zip(places, found, strict=True):
        first = named.setdefault(place, file)
        if file.part < first.part:
            named[place] = first._replace(part=file.part)
    return named, splits


def _check_apart(trained, held_out):
    """Raises a ValueError if training images are among the held-out ones."""
    both = [held_out[0][place].path for place in trained[0].keys() & held_out[0].keys()]
    both += trained[1].keys() & held_out[1].keys()
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
            f"file or {tfds.PREFIX}NAME/SPLIT, with a share as in photos=0.3 or "
            f"without. Received: {spec!r}"
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
