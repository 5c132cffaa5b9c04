"""Mappings from classes to fewer, larger ones: WordNet's, random ones, a user's own.

Table 4 of Larsson et al. (2017) trains on such buckets. It does not publish which class
is in which, so those of WordNet here are this project's own, of the same number:
`selfsup.analysis.wordnet_buckets` derives them.
"""

import csv
import json
import os
import pathlib

from selfsup import paths
from selfsup.data import files

# Columns of the table.
WORDNET = ("H16", "H2")

_TABLE = pathlib.Path(__file__).with_name("wordnet_buckets.csv")


def of_wordnet(kind):
    """Returns the bucket of each ImageNet class.

    Args:
        kind: One of `WORDNET`.

    Returns:
        A dict from 1,000 WordNet ids, such as `n01440764`, to names of buckets.
    """
    with open(_TABLE, encoding="utf-8", newline="") as file:
        return {row["class"]: row[kind] for row in csv.DictReader(file)}


def at_random(classes, count, rng):
    """Puts classes into buckets of nearly equal numbers of classes.

    Args:
        classes: Names of `K` classes.
        count: Number of buckets, from 2 to `K`.
        rng: A `np.random.Generator`.

    Returns:
        A dict from classes to names of buckets, such as `R50-07`.

    Raises:
        ValueError: If `count` is out of range.
    """
    if not 2 <= count <= len(classes):
        raise ValueError(
            f"Classes can't be put into buckets. Expected 2 to {len(classes)} buckets, "
            f"the number of classes. Received: R{count}"
        )
    # Whatever order a list names them in.
    classes = sorted(classes)
    width = len(str(count - 1))
    return {
        classes[index]: f"R{count}-{position % count:0{width}}"
        for position, index in enumerate(rng.permutation(len(classes)))
    }


def of_file(path):
    """Reads a user's own mapping.

    Args:
        path: A `.json` file of an object `{class: bucket}`, or a text file of a class
            and its bucket a line, separated as `files.split_label` says.

    Returns:
        A dict from classes to names of buckets.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it is no mapping, or gives a class two buckets.
    """
    path = paths.expanded(path)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"There are no such buckets. Expected {', '.join(WORDNET)}, R and a "
            f"number, or a file of classes and their buckets. Received: {path}"
        )
    if path.lower().endswith(".json"):
        pairs = _json_pairs(path)
    else:
        lines = [line for _, line in files.read_lines(path) if not line.startswith("#")]
        pairs = [files.split_label(line) for line in lines]
    found = {}
    for name, bucket in pairs:
        if not name or not bucket or found.setdefault(name, bucket) != bucket:
            raise ValueError(
                f"File {path} is no mapping of classes. Expected one bucket for each "
                f"class. Received: {name!r}, {bucket!r}"
            )
    return found


def _json_pairs(path):
    """Returns the pairs of a JSON object; those of one name too."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            pairs = json.load(file, object_pairs_hook=list)
        return [(name, _text(bucket)) for name, bucket in pairs]
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"File {path} is no mapping of classes. Expected a JSON object "
            f"{{class: bucket}} of names. Received: {error}"
        ) from error


def _text(bucket):
    if not isinstance(bucket, str | int) or isinstance(bucket, bool):
        raise TypeError(f"the bucket {bucket!r}")
    return str(bucket)
