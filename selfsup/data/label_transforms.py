"""Changes to labels that show what labels are worth: fewer, wrong or coarser ones.

    "per_class(100), noise(0.1), buckets(H16)"

per_class(100)  100 images of each class: ImNt-100k of Table 3 has 100 of 1,000 classes
noise(0.1)      a tenth of the labels drawn anew, uniformly from all classes (E10)
buckets(H16)    classes joined to larger ones: H16 and H2 along WordNet's hierarchy, R50
                and R16 (or any R and a number) at random, else the path of a mapping

They are applied in this order. Each draws from a seed of its own, made of the run's
seed, its kind and its place among those of its kind: random buckets are the same with
all images and with few. So the result is a function of the set and the seed: the order
in which a list names files changes nothing. Larsson et al. (2017), Tables 3 and 4.
"""

import dataclasses
import re
from typing import ClassVar

import numpy as np

from selfsup import paths
from selfsup.data import buckets as buckets_lib

_CALL = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*(?:,(?=.*\S)|$)", re.DOTALL)

_RANDOM = re.compile(r"R([1-9]\d*)")


class _Transform:
    """A transform of one argument; its text is what `parse` reads."""

    def __str__(self):
        (argument,) = dataclasses.astuple(self)
        return f"{self.name}({argument})"


@dataclasses.dataclass(frozen=True)
class PerClass(_Transform):
    """Keeps an exact number of images of each class.

    Attributes:
        count: That number.

    Raises:
        ValueError: If it is below 1; when applied, if a class has fewer images.
    """

    count: int
    name: ClassVar[str] = "per_class"
    read: ClassVar[type] = int
    is_for_held_out: ClassVar[bool] = False

    def __post_init__(self):
        if self.count < 1:
            raise _wrong(self, "a whole number of at least 1")

    def __call__(self, samples, rng):
        """Returns the smaller set; see `apply`."""
        kept = []
        for number, name in enumerate(samples.classes):
            members = np.flatnonzero(samples.labels == number)
            if len(members) < self.count:
                raise ValueError(
                    f"A class has too few images for {self}. Expected at least "
                    f"{self.count}. Received: {len(members)} of class {name!r}"
                )
            kept.append(rng.choice(members, self.count, replace=False))
        return samples.subset(np.concatenate(kept))


@dataclasses.dataclass(frozen=True)
class Noise(_Transform):
    """Draws a fixed share of the labels anew, uniformly from all classes.

    A label that is drawn anew may come out as before: of `K` classes one in `K` does.

    Attributes:
        share: Share of the labels.

    Raises:
        ValueError: If it is not in `[0, 1]`.
    """

    share: float
    name: ClassVar[str] = "noise"
    read: ClassVar[type] = float
    is_for_held_out: ClassVar[bool] = False

    def __post_init__(self):
        if not 0 <= self.share <= 1:
            raise _wrong(self, "a share in [0, 1]")

    def __call__(self, samples, rng):
        """Returns the set with other labels; see `apply`."""
        count = round(self.share * len(samples))
        chosen = rng.choice(len(samples), count, replace=False)
        labels = samples.labels.copy()
        labels[chosen] = rng.integers(len(samples.classes), size=count)
        return dataclasses.replace(samples, labels=labels)


@dataclasses.dataclass(frozen=True)
class Buckets(_Transform):
    """Joins classes to larger ones.

    Attributes:
        kind: `H16`, `H2`, `R` and a number, or the path of a mapping; see
            `selfsup.data.buckets`.

    Raises:
        ValueError: When applied, if a class has no bucket or all have the same one.
    """

    kind: str
    name: ClassVar[str] = "buckets"
    read: ClassVar[type] = str
    is_for_held_out: ClassVar[bool] = True

    def __post_init__(self):
        if not self.kind or re.search(r"[()]", self.kind):
            raise _wrong(self, "H16, H2, R and a number, or a path without parentheses")

    def __call__(self, samples, rng):
        """Returns the set with other classes and labels; see `apply`."""
        found = self._mapping(samples.classes, rng)
        missing = [name for name in samples.classes if name not in found]
        if missing:
            raise ValueError(
                f"Classes have no bucket in {self}. Expected one for each of "
                f"{len(samples.classes)} classes. Received: none for {len(missing)}, "
                f"such as {missing[0]!r}"
            )
        classes = tuple(sorted({found[name] for name in samples.classes}))
        if len(classes) < 2:
            raise ValueError(
                f"All classes are in one bucket of {self}. Expected two or more. "
                f"Received: {classes[0]!r}"
            )
        numbers = np.array([classes.index(found[name]) for name in samples.classes])
        labels = numbers[samples.labels]
        return dataclasses.replace(samples, classes=classes, labels=labels)

    @property
    def is_file(self):
        """Whether the buckets are those of a file."""
        return self.kind not in buckets_lib.WORDNET and not _RANDOM.fullmatch(self.kind)

    def _mapping(self, classes, rng):
        if self.kind in buckets_lib.WORDNET:
            return buckets_lib.of_wordnet(self.kind)
        match = _RANDOM.fullmatch(self.kind)
        if match:
            return buckets_lib.at_random(classes, int(match.group(1)), rng)
        return buckets_lib.of_file(self.kind)


_TRANSFORMS = {cls.name: cls for cls in (PerClass, Noise, Buckets)}

_KNOWN = "per_class(COUNT), noise(SHARE) or buckets(H16|H2|R50|R16|FILE)"


def parse(text):
    """Reads transforms.

    Args:
        text: Transforms separated by commas, each a name and an argument in
            parentheses; empty for none.

    Returns:
        A tuple of transforms.

    Raises:
        ValueError: If the text is something else.

    Example:

    >>> canonical(parse("per_class( 10 ),noise(.5)"))
    'per_class(10), noise(0.5)'
    """
    found, at = [], 0
    while text[at:].strip():
        match = _CALL.match(text, at)
        if match is None or match.group(1) not in _TRANSFORMS:
            raise _unread(text[at:].strip())
        transform = _TRANSFORMS[match.group(1)]
        try:
            argument = transform.read(match.group(2).strip())
        except ValueError:
            raise _unread(match.group(0).strip()) from None
        found.append(transform(argument))
        at = match.end()
    return tuple(found)


def canonical(transforms):
    """Returns the text that `parse` reads as these transforms.

    Args:
        transforms: A sequence of transforms.
    """
    return ", ".join(map(str, transforms))


def apply(transforms, samples, seed=0, *, held_out=False):
    """Applies transforms to labeled photographs.

    Args:
        transforms: What `parse` returned.
        samples: A `LabeledSet`.
        seed: Integer that decides what is drawn at random.
        held_out: Whether the set is one to measure on. Its classes go into the same
            buckets; all its images stay, and their labels are right.

    Returns:
        A `LabeledSet`.

    Raises:
        ValueError: If a transform does not fit the set.
        OSError: If a file of buckets can't be read.
    """
    seen = []
    for transform in transforms:
        kind = list(_TRANSFORMS).index(transform.name)
        rng = np.random.default_rng([seed, kind, seen.count(kind)])
        seen.append(kind)
        if transform.is_for_held_out or not held_out:
            samples = transform(samples, rng)
    return samples


def located(transforms):
    """Returns transforms whose files are the same from every folder.

    Args:
        transforms: What `parse` returned.
    """
    return tuple(
        dataclasses.replace(transform, kind=paths.absolute(transform.kind))
        if isinstance(transform, Buckets) and transform.is_file
        else transform
        for transform in transforms
    )


def _unread(received):
    return ValueError(
        f"Transforms of labels can't be read. Expected {_KNOWN}, separated by commas. "
        f"Received: {received!r}"
    )


def _wrong(transform, expected):
    return ValueError(
        f"A transform of labels is out of range. Expected {expected}. "
        f"Received: {str(transform)!r}"
    )
