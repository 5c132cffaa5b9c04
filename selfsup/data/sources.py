"""Opens sources by their specification and splits off the held-out part."""

import functools
import hashlib
import itertools
import os
from typing import NamedTuple

import numpy as np

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
    return _open(specs, val_specs, val_fraction, subset, seed, _listed_and_split)


def open_parts(specs=(), *, val_specs=(), val_fraction=0.0, seed=0):
    """Opens the training and the held-out images; they are listed once for both.

    Args:
        specs: As in `open_images`, and so are the others.
        val_specs: Specifications of the held-out sources.
        val_fraction: Fraction held out of `specs` where `val_specs` is empty.
        seed: Seed of the held-out choice.

    Returns:
        A pair of collections.

    Raises:
        FileNotFoundError: As `open_images`.
        ValueError: As `open_images`.
    """
    list_files = functools.cache(_listed_and_split)
    train, val = (
        _open(specs, val_specs, val_fraction, subset, seed, list_files)
        for subset in ("train", "val")
    )
    return train, val


def _open(specs, val_specs, val_fraction, subset, seed, list_files):
    shares.check_none(val_specs)
    if subset == "val" and val_specs:
        specs, val_specs, subset = val_specs, (), "all"
    if subset == "all" or val_specs:
        val_fraction = 0.0
    mix = shares.parse(specs)
    (places, listed, splits), held_out = list_files(
        mix.sources, mix.parts, val_fraction, seed
    )
    if subset == "train" and val_specs:
        _check_apart((places, listed, splits), _listed(val_specs))
    chosen = listed
    if held_out is not None:
        chosen = listed.where(held_out == (subset == "val"))
    opened = {spec: tfds.open_split(spec, val_fraction, subset) for spec in splits}
    # Held-out images are the same with shares or without, in the same order.
    if mix.weights is None or subset == "val":
        return _collection(chosen, opened.values())
    parts = []
    for number in range(len(mix.weights)):
        found = chosen.where([part == number for part in chosen.parts])
        others = [opened[spec] for spec, part in splits.items() if part == number]
        if not found.paths and not others:
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
    if found.paths:
        images.insert(0, FileImages(found.paths, found.names))
    return images[0] if len(images) == 1 else MixedImages(images)


class _Files(NamedTuple):
    """Files, as lists of equal length: of a million, a tuple each would take seconds.

    Attributes:
        paths: Their paths, or sources of records.
        names: Their names inside of their source.
        groups: What is held out together.
        parts: Numbers of the parts that they are in.
    """

    paths: list[str]
    names: list[str]
    groups: list[str]
    parts: list[int]

    def where(self, chosen):
        """Returns those for which `chosen` is true."""
        return _Files(*(list(itertools.compress(column, chosen)) for column in self))


def _listed(specs, parts=None):
    """Lists files and splits of TensorFlow Datasets, each once.

    Args:
        specs: Specifications of sources without shares.
        parts: Numbers of the parts that they are in; None for a single part.

    Returns:
        A tuple: a list of the places of the files, their `_Files`, the first of several
        spellings, and a dict from specifications to numbers of parts. Of several parts
        the first counts.
    """
    found, names, numbers, splits = [], [], [], {}
    for spec, part in zip(specs, parts or [0] * len(specs), strict=True):
        spec = paths.expanded(spec)
        if spec.startswith(tfds.PREFIX):
            splits[spec] = min(part, splits.get(spec, part))
            continue
        inside = _named_files(spec)
        found += inside[0]
        names += inside[1]
        numbers += [part] * len(inside[0])
    groups = names
    if not specs:
        found = files.embedded_photos()
        names = [os.path.relpath(path, files.PHOTOS) for path in found]
        groups, numbers = [files.photo_scene(path) for path in found], [0] * len(found)
    places, listed = records.places(found), _Files(found, names, groups, numbers)
    if len(set(places)) == len(places):
        return places, listed, splits
    different = dict.fromkeys(places)
    for index, place in enumerate(places):
        first = different[place]
        if first is None:
            different[place] = index
        else:
            numbers[first] = min(numbers[first], numbers[index])
    firsts = set(different.values())
    listed = listed.where([index in firsts for index in range(len(places))])
    return list(different), listed, splits


def _check_apart(trained, held_out):
    """Raises a ValueError if training images are among the held-out ones."""
    (places, _, splits), (own_places, own, own_splits) = trained, held_out
    named = dict(zip(own_places, own.paths, strict=True))
    both = [named[place] for place in named.keys() & set(places)]
    both += splits.keys() & own_splits.keys()
    if both:
        count = f"{len(both)} of both, such as {min(both)!r}"
        raise ValueError(
            "Training images are among the held-out ones. Expected `val_data` of "
            f"images that `data` does not name. Received: {count}"
        )


def _named_files(spec):
    """Returns the paths of the files of a source, and their names inside of it."""
    inside = record_index.open_spec(spec)
    if inside is not None:
        return inside.sources, inside.keys
    if os.path.isdir(spec):
        return _relative(files.find_images(spec), spec)
    if not os.path.exists(spec):
        raise FileNotFoundError(
            "An image source does not exist. Expected a folder, a list file, an image "
            f"file, '*.tfrecord' or {tfds.PREFIX}NAME/SPLIT, with a share as in "
            f"photos=0.3 or without. Received: {spec!r}"
        )
    if files.has_image_extension(spec):
        return [spec], [os.path.basename(spec)]
    if files.is_unread(spec):
        raise ValueError(
            "An image source is of a kind that is not read. Expected a file ending in "
            f"{', '.join(files.IMAGE_EXTENSIONS)}. Received: {spec!r}"
        )
    return _relative(files.read_list(spec), os.path.dirname(spec))


def _relative(found, folder):
    return found, [os.path.relpath(path, folder) for path in found]


def _listed_and_split(specs, parts, fraction, seed):
    """Returns what `_listed` does, and which files are held out; None for no choice."""
    listed = _listed(specs, parts)
    splits = fraction and listed[0]
    return listed, _held_out(listed[1], fraction, seed) if splits else None


def _held_out(listed, fraction, seed):
    """Returns which files are held out, `[N]`, bool; groups stay together."""
    ranks = _ranks(listed.groups, seed)
    groups = np.unique(ranks)
    count = max(1, round(fraction * len(groups)))
    if count >= len(groups):
        raise ValueError(
            "The held-out part would leave nothing to train on. Expected at least "
            f"2 files and a smaller val_fraction. Received: {len(groups)} files, "
            f"val_fraction={fraction}"
        )
    return ranks < groups[count]


def _ranks(names, seed):
    """Returns the first 8 bytes of `rank` of names as numbers: equal ones are equal."""
    digests = b"".join(_digests(names, seed))
    return np.frombuffer(digests, ">u8")[::4].astype(np.uint64)


def rank(name, seed):
    """Returns what orders names at random: those that come first are held out."""
    return *_digests([name], seed), name


def _digests(names, seed):
    start, found = hashlib.sha256(f"{seed}/".encode()), []
    if os.sep != "/":
        names = [name.replace(os.sep, "/") for name in names]
    for name in names:
        digest = start.copy()
        digest.update(name.encode("utf-8", "surrogateescape"))
        found.append(digest.digest())
    return found
