"""Splits ImageNet's classes into buckets along WordNet's hierarchy.

    python -m selfsup.analysis.wordnet_buckets --wordnet DIR --classes FILE \
        --output selfsup/data/wordnet_buckets.csv

The largest bucket is split in two, again and again, where the hierarchy allows the most
even split. So each of the 16 buckets is a part of one of the 2. A synset with several
hypernyms hangs below the one that is farthest from the root: a car is a vehicle,
although WordNet also calls it a container.

DIR is the folder of WordNet 3.0's `data.noun`, as in Debian's package wordnet-base.
ImageNet's class ids are its offsets; those of other versions differ. FILE has a class
id a line. NLTK would read WordNet too, but takes no folder outside of its own and needs
files that WordNet's has not.
"""

import collections
import csv
import io
import os
from typing import NamedTuple

from absl import app, flags

from selfsup import atomic
from selfsup.data import files

_SIZES = (16, 2)


class Synset(NamedTuple):
    """A set of synonyms.

    Attributes:
        name: The first of them.
        path: Offsets from itself up to the root, eight digits each.
    """

    name: str
    path: tuple[str, ...]


def read_synsets(lines, classes):
    """Reads classes and their place in the hierarchy.

    Args:
        lines: Lines of `data.noun`; wndb(5WN) describes them.
        classes: Ids of the classes: `n` and an offset.

    Returns:
        A dict from the offset of each class, and of all above it, to a `Synset`.

    Raises:
        ValueError: If a class is not a noun of this WordNet.
    """
    names, parents = {}, {}
    for line in lines:
        if line.startswith(" "):
            continue  # The license.
        # offset, file, type, count, (word, id)..., count, (symbol, offset, ...)...
        fields = line.partition(" | ")[0].split()
        pointers = 4 + 2 * int(fields[3], 16) + 1
        names[fields[0]] = fields[4]
        parents[fields[0]] = [
            fields[at + 1]
            for at in range(pointers, len(fields), 4)
            if fields[at] in ("@", "@i")
        ]
    found = {}

    def add(offset):
        if offset not in found:
            above = [add(parent).path for parent in parents[offset]]
            longest = max(above, key=lambda path: (len(path), path), default=())
            found[offset] = Synset(names[offset], (offset, *longest))
        return found[offset]

    for name in classes:
        if name[1:] not in names:
            raise ValueError(
                "A class is not in WordNet. Expected n and the offset of a noun of "
                f"WordNet 3.0, such as n01440764. Received: {name!r}"
            )
        add(name[1:])
    return found


def split(synsets, classes, count):
    """Splits classes into buckets.

    Args:
        synsets: What `read_synsets` returned.
        classes: Ids of the classes.
        count: Number of buckets.

    Returns:
        A dict from each class to its bucket: the name of the synset they share, or
        `other_NAME` where classes below that synset are in other buckets.

    Raises:
        ValueError: If the classes are fewer than the buckets.
    """
    if count > len(classes):
        raise ValueError(
            "Classes can't be split so finely. Expected at most one bucket for each of "
            f"{len(classes)} classes. Received: {count} buckets"
        )
    paths = {name: synsets[name[1:]].path for name in classes}
    buckets = {paths[classes[0]][-1]: list(classes)}
    while len(buckets) < count:
        large = max(buckets, key=lambda offset: (len(buckets[offset]), offset))
        members = buckets[large]
        below = collections.Counter(a for m in members for a in paths[m])

        # Of a chain of equal parts the deepest has the most telling name.
        part = max(
            (min(size, len(members) - size), len(synsets[offset].path), offset)
            for offset, size in below.items()
        )[-1]
        buckets[part] = [m for m in members if part in paths[m]]
        buckets[large] = [m for m in members if part not in paths[m]]
    found = {}
    for offset, members in buckets.items():
        whole = sum(offset in path for path in paths.values()) == len(members)
        name = synsets[offset].name if whole else f"other_{synsets[offset].name}"
        found |= dict.fromkeys(members, name)
    return found


def table(lines, classes):
    """Returns the text of the table: a line a class, with its bucket of each kind."""
    synsets = read_synsets(lines, classes)
    columns = [split(synsets, classes, size) for size in _SIZES]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", *(f"H{size}" for size in _SIZES)])
    writer.writerows([name, *(c[name] for c in columns)] for name in sorted(classes))
    return text.getvalue()


def _main(argv):
    if argv[1:]:
        raise app.UsageError(f"Expected flags only. Received: {argv[1]!r}")
    values = flags.FLAGS
    classes = sorted({line for _, line in files.read_lines(values.classes)})
    path = os.path.join(values.wordnet, "data.noun")
    with open(path, encoding="utf-8") as lines:
        text = table(lines, classes)
    with atomic.write(values.output) as temporary, open(temporary, "w") as file:
        file.write(text)


if __name__ == "__main__":
    flags.DEFINE_string("wordnet", None, "Folder of WordNet 3.0's data.noun.")
    flags.DEFINE_string("classes", None, "File of class ids, one a line.")
    flags.DEFINE_string("output", None, "Table to write.")
    flags.mark_flags_as_required(["wordnet", "classes", "output"])
    app.run(_main)
