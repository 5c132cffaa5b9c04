"""Keeps count of images that teach nothing, and ends runs that have no others."""

import numpy as np
from absl import logging

from selfsup import data

# Samples that must have been seen before a share means something.
_ENOUGH = 32


class ImageWatch:
    """Counts unreadable and achromatic images as samples go by.

    Each unreadable image is named once. A warning is given when half of the
    samples are achromatic.

    Args:
        images: The collection that the samples come from.
        fatal: Whether too many useless images end the run. Held-out ones do
            not: the training goes on without them.

    Raises:
        ValueError: When called, if most samples are unreadable or nearly all
            are achromatic.
    """

    def __init__(self, images, fatal=True):
        self._images = images
        self._fatal = fatal
        self._seen = 0
        self._counts = {data.UNDECODABLE: 0, data.ACHROMATIC: 0}
        self._warned = False
        self.unreadable = set()

    def __call__(self, status):
        """Takes note of samples.

        Args:
            status: Dict of `index` and `status`, arrays of one length.
        """
        kinds = np.asarray(status["status"])
        self._seen += len(kinds)
        for kind in self._counts:
            self._counts[kind] += int(np.sum(kinds == kind))
        found = np.asarray(status["index"])[kinds == data.UNDECODABLE]
        for index in sorted(set(found.tolist()) - self.unreadable):
            self.unreadable.add(index)
            logging.warning("Cannot read image %s: left out", self._name(index))
        if self._fatal and self._seen >= min(_ENOUGH, len(self._images)):
            self._check()

    def _name(self, index):
        return repr(self._images.name(index))

    def _check(self):
        unreadable = self._counts[data.UNDECODABLE] / self._seen
        if unreadable > 0.5:
            names = ", ".join(self._name(i) for i in sorted(self.unreadable)[:3])
            raise ValueError(
                "Most images cannot be read. Expected at least half of them to be "
                f"whole. Received: {self._counts[data.UNDECODABLE]} unreadable of "
                f"{self._seen} samples, such as {names}"
            )
        readable = self._seen - self._counts[data.UNDECODABLE]
        achromatic = self._counts[data.ACHROMATIC] / readable
        if achromatic > 0.95:
            raise ValueError(
                "Nearly all images are gray. Expected color photographs, which "
                f"colors can be learned from. Received: "
                f"{self._counts[data.ACHROMATIC]} achromatic of {readable} samples"
            )
        if achromatic >= 0.5 and not self._warned:
            self._warned = True
            logging.warning(
                "%.0f %% of the samples are gray and teach nothing", 100 * achromatic
            )
