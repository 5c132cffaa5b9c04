"""The index of a folder of records: a file beside each shard, and a manifest."""

import glob
import hashlib
import json
import os
import pathlib
import re
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
from absl import logging

from selfsup import atomic
from selfsup.data import records

MANIFEST = "manifest.json"
VERSION = 1

# Of the files of others: name.tfrecord, name.tfrecord-00000-of-00064, name.tfrecord*.
_ENDING = re.compile(r"\.tfrecords?\*?(-[^/]*)?$")

# Of our shards: their number, and that of all.
_NUMBERED = re.compile(r"photographs-\d{5}-of-(\d{5})\.tfrecord")

# What a manifest says of a shard, as `read_summary` does.
_ABOUT = {"file": str, "records": int, "bytes": int, "sha256": str}

# What NumPy raises for a damaged archive.
_DAMAGED = EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile, zlib.error

# Between names that are kept in a row: no name holds it.
_SEPARATOR = "\0"


class Listing(NamedTuple):
    """Images inside of shards, as lists of equal length.

    Attributes:
        sources: Where they are; see `records.source`.
        keys: Their names inside the source that they were made from.
        labels: Names of their classes, or empty strings.
    """

    sources: list[str]
    keys: list[str]
    labels: list[str]

    def add(self, other):
        """Adds what another listing holds."""
        for mine, theirs in zip(self, other, strict=True):
            mine += theirs


def shard_path(folder, number, count):
    """Returns the path of a shard.

    Args:
        folder: Path of the folder, a `pathlib.Path`.
        number: Number of the shard.
        count: Number of all shards.
    """
    return folder / f"photographs-{number:05d}-of-{count:05d}.tfrecord"


def has_manifest(folder):
    """Returns whether a folder holds shards of ours, all of them."""
    return os.path.isfile(os.path.join(folder, MANIFEST))


def is_shard(name):
    """Returns whether a file's name is that of a TFRecord file."""
    return _ENDING.search(name) is not None


def open_spec(spec):
    """Finds the records that a source specification names.

    Args:
        spec: A folder with a manifest, or a pattern of files such as
            `DIR/*.tfrecord`.

    Returns:
        A `Listing`; None if the specification is of something else.

    Raises:
        FileNotFoundError: If no file fits the pattern.
        ValueError: If the files hold no records, or as in `read_folder` and
            `read_files`.
    """
    if has_manifest(spec):
        inside = read_folder(spec)
    elif not is_shard(spec):
        return None
    # A path may hold what a pattern does.
    elif os.path.isfile(spec):
        inside = read_files([spec])
    else:
        inside = read_files(_matching(spec))
    if not inside.sources:
        raise ValueError(
            "There are no records. Expected TFRecord files that hold some. "
            f"Received: {spec!r}"
        )
    return inside


def _matching(pattern):
    """Returns the files of a pattern; no shard of ours may be missing beside them."""
    found = sorted(glob.glob(pattern))
    if not found:
        raise FileNotFoundError(
            "There are no records. Expected a pattern of TFRecord files. "
            f"Received: {pattern!r}"
        )
    numbered = {
        (os.path.dirname(path), int(match[1]))
        for path in found
        if (match := _NUMBERED.fullmatch(os.path.basename(path)))
    }
    for folder, count in sorted(numbered):
        paths = [shard_path(pathlib.Path(folder), n, count) for n in range(count)]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise ValueError(
                "Shards are missing. Expected all that their names count, as "
                "make_records.py writes them; the same command of it goes on. "
                f"Received: {len(missing)} of {count} missing, such as {missing[0]}"
            )
    return found


def read_folder(folder):
    """Finds all records of a folder, without opening its shards.

    Args:
        folder: Path of a folder with a manifest.

    Returns:
        A `Listing`, in the order of the shards.

    Raises:
        ValueError: If the manifest or an index is damaged or of another version, or a
            shard is missing or of another size than the manifest says.
    """
    found = Listing([], [], [])
    for shard in _read_manifest(folder)["shards"]:
        path = os.path.join(folder, shard["file"])
        _check_size(path, shard["bytes"], "manifest")
        found.add(_read_index(path, shard))
    return found


def _check_size(path, expected, where):
    size = os.path.getsize(path) if os.path.isfile(path) else None
    if size != expected:
        raise ValueError(
            f"A shard is not the one of the {where}. Expected {expected} bytes. "
            f"Received: {path}, {'missing' if size is None else f'{size} bytes'}"
        )


def _read_manifest(folder):
    path = os.path.join(folder, MANIFEST)
    try:
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
        if manifest["version"] != VERSION:
            raise ValueError(f"version {manifest['version']}")
        _check_shards(manifest["shards"])
        return manifest
    except (KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            "The manifest of a folder of records cannot be read. Expected version "
            f"{VERSION}, as make_records.py writes it. Received: {path} ({error})"
        ) from error


def _check_shards(shards):
    """Raises a ValueError if a manifest does not say all of all shards."""
    if not shards:
        raise ValueError("no shards")
    for number, shard in enumerate(shards):
        for name, kind in _ABOUT.items():
            if not isinstance(shard[name], kind):
                raise ValueError(f"{name} {shard[name]!r} of shard {number}")
        expected = shard_path(pathlib.Path(), number, len(shards)).name
        if shard["file"] != expected:
            raise ValueError(f"shard {shard['file']!r} in place of {expected}")


def index_path(path):
    """Returns the path of the index of a shard."""
    return pathlib.Path(path).with_suffix(".index.npz")


def _read_index(path, expected=None):
    """Reads the index of a shard; it must say what a manifest does, if one is given."""
    index = index_path(path)
    try:
        with open(index, "rb") as file, np.load(file) as arrays:
            positions = arrays["positions"].tolist()
            keys, labels = (_split(arrays[name]) for name in ("keys", "labels"))
            about = _about(path, arrays)
        if not len(positions) == len(keys) == len(labels):
            raise ValueError(f"{len(positions)} records instead of {len(keys)}")
        for name in _ABOUT if expected else ():
            if about[name] != expected[name]:
                raise ValueError(
                    f"{name} {about[name]} instead of {expected[name]} of the manifest"
                )
    except _DAMAGED as error:
        raise ValueError(
            "The index of a shard cannot be read. Expected one that make_records.py "
            f"wrote. Received: {index} ({error})"
        ) from error
    _check_size(path, about["bytes"], "index")
    return Listing([records.source(path, x) for x in positions], keys, labels)


def _about(path, arrays):
    return {
        "file": os.path.basename(path),
        "records": len(arrays["positions"]),
        "bytes": int(arrays["bytes"]),
        "sha256": str(arrays["sha256"]),
    }


def _split(joined):
    text = joined.tobytes().decode("utf-8", "surrogateescape")
    return text.split(_SEPARATOR)[:-1]


def _joined(names):
    text = "".join(f"{name}{_SEPARATOR}" for name in names)
    return np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8)


def write_index(path, positions, keys, labels, unreadable):
    """Writes the index of a shard that lies at its place.

    Args:
        path: Path of the shard.
        positions: Positions of its records.
        keys: Names of its images.
        labels: Names of their classes; empty strings for none.
        unreadable: Names of images that could not be read and are left out.
    """
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with atomic.write(index_path(path)) as unfinished:
        np.savez_compressed(
            unfinished,
            positions=np.array(positions, np.int64),
            keys=_joined(keys),
            labels=_joined(labels),
            unreadable=_joined(unreadable),
            bytes=os.path.getsize(path),
            sha256=digest,
        )


def read_summary(path):
    """Returns what the manifest says of a shard, and its unreadable images.

    Args:
        path: Path of a shard, a `pathlib.Path`.

    Returns:
        A pair: a dict, and a list of names; None if the shard or its index is missing,
        or the index is damaged or says another size.
    """
    try:
        with open(index_path(path), "rb") as file, np.load(file) as arrays:
            about = _about(path, arrays)
            unreadable = _split(arrays["unreadable"])
        return (about, unreadable) if path.stat().st_size == about["bytes"] else None
    except _DAMAGED:
        return None


def write_manifest(folder, paths):
    """Writes the manifest, if all shards are there.

    Args:
        folder: Path of the folder, a `pathlib.Path`.
        paths: Paths of all shards, in their order.

    Returns:
        The manifest, a dict, or None if shards are missing.
    """
    found = [read_summary(path) for path in paths]
    if None in found:
        return None
    manifest = {
        "version": VERSION,
        "shards": [about for about, _ in found],
        "unreadable": [name for _, names in found for name in names],
    }
    with atomic.write(folder / MANIFEST) as unfinished:
        unfinished.write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def read_files(paths):
    """Finds the records of TFRecord files of any origin.

    Args:
        paths: Paths of the files.

    Returns:
        A `Listing`. Records of a file without an index of ours have the file's name and
        their number as keys, and no labels.

    Raises:
        ValueError: If a file or its index is damaged, or its first record holds no
            image.
    """
    found = Listing([], [], [])
    for path in paths:
        if index_path(path).exists():
            found.add(_read_index(path))
            continue
        if _NUMBERED.fullmatch(os.path.basename(path)):
            logging.warning("No index beside %s: its images are named by numbers", path)
        sources = [records.source(path, x) for x in records.positions(path).tolist()]
        if sources:
            records.check_image(sources[0])
        name = os.path.basename(path)
        keys = [f"{name}#{number}" for number in range(len(sources))]
        found.add(Listing(sources, keys, [""] * len(keys)))
    return found


def is_damaged(source):
    """Returns whether a record of a shard with an index of ours has changed bytes.

    Args:
        source: Path of a file, or source of a record.
    """
    path = records.file_of(source)
    # One of another size is not there as a whole.
    if not records.is_record(source) or read_summary(pathlib.Path(path)) is None:
        return False
    return not records.is_intact(source)
