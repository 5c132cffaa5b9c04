"""Shares of sources in a stream of samples: `photos=0.3`."""

import math
from fractions import Fraction
from typing import NamedTuple

from selfsup import paths

# Samples after which shares repeat, at most: the arithmetic of streams is of 64 bits.
_LONGEST = 10**9


class Mix(NamedTuple):
    """What is mixed, and how.

    Attributes:
        sources: The sources, without shares.
        parts: Number of the part that each is in: those with a share are a part each,
            in their order, and the others are the last one together.
        weights: Samples of each part among as many as their sum; None without shares.
    """

    sources: tuple[str, ...]
    parts: tuple[int, ...]
    weights: tuple[int, ...] | None


def parse(specs):
    """Reads the shares of sources.

    Args:
        specs: Specifications of sources, some of them with `=SHARE` behind.

    Returns:
        A `Mix`.

    Raises:
        ValueError: If a share is not above 0, or shares leave nothing for the sources
            without one.
    """
    pairs = [paths.split_share(spec) for spec in specs]
    sources = tuple(source for source, _ in pairs)
    numbers = [share for _, share in pairs]
    given = [share for share in numbers if share is not None]
    if not given:
        return Mix(sources, (0,) * len(sources), None)
    for spec, share in zip(specs, numbers, strict=True):
        if share is not None and not 0 < share < math.inf:
            raise ValueError(
                "The share of a source is none. Expected a number above 0 behind the "
                f"last =, such as photos=0.3. Received: {str(spec)!r}"
            )
    # As they are written: 0.1 is a tenth.
    exact = [Fraction(str(share)) for share in given]
    total = sum(exact)
    if len(sources) == 1 and total > 1:
        raise ValueError(
            "A share is more than all samples. Expected at most 1 where there is no "
            f"other source. Received: {str(specs[0])!r}"
        )
    if None in numbers:
        if total >= 1:
            without = sources[numbers.index(None)]
            raise ValueError(
                "Shares leave nothing for the sources without one. Expected a sum "
                f"below 1. Received: {float(total):g} in all, and none of {without!r}"
            )
        exact.append(1 - total)
    behind = iter(range(len(given)))
    parts = tuple(len(given) if n is None else next(behind) for n in numbers)
    return Mix(sources, parts, _weights(exact))


def _weights(exact):
    """Returns shares as whole numbers of samples; very fine ones are rounded."""
    total = sum(exact)
    relative = [share / total for share in exact]
    period = min(math.lcm(*(share.denominator for share in relative)), _LONGEST)
    return tuple(max(1, round(share * period)) for share in relative)


def check_none(specs):
    """Refuses shares where every image counts once.

    Args:
        specs: Specifications of sources.

    Raises:
        ValueError: If one has a share.
    """
    for spec in specs:
        if paths.split_share(spec)[1] is not None:
            raise ValueError(
                "Only the images that are pretrained on may have shares. Expected a "
                f"source that exists, without =SHARE. Received: {str(spec)!r}"
            )
