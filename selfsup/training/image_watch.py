"""Keeps count of images that teach nothing, and ends runs that have no others."""

import numpy as np
from absl import logging

from selfsup import data

# Samples that must have been seen before a share means something.
_ENOUGH = 32

# The newest ones, which are judged: many that were whole must not hide what has
# happened since.
_RECENT = 256


class ImageWatch:
    """Judges the newest samples by how many are unreadable or achromatic.

    Each unreadable image is named once. A warning is given when half of the
    samples are achromatic.

    Args:
        images: The collection that the samples come from.
        fatal: Whether too many useless images end the run. Held-out ones do
            not: the training goes on without them.

    Raises:
        FileNotFoundError: When called, if an image has vanished since the run began.
        ValueError: When called, if an image is in a damaged shard of records, held-out
            ones too, most of the newest samples are unreadable or nearly all are
            achromatic.
    """

    def __init__(self, images, fatal=True):
        self._images = images
        self._fatal = fatal
        self._recent = np.zeros(0, np.int8)
        self._warned = False
        self.unreadable = set()

    def __call__(self, status):
        """Takes note of samples.

        Args:
            status: Dict of `index` and `status`, arrays of one length.
        """
        kinds = np.asarray(status["status"])
        self._recent = np.concatenate([self._recent, kinds])[-_RECENT:]
        found = np.asarray(status["index"])[kinds == data.UNDECODABLE]
        for index in sorted(set(found.tolist()) - self.unreadable):
            if self._images.is_damaged(index):
                raise ValueError(
                    "A shard of records is damaged. Expected what make_records.py "
                    "wrote; without the file the same command of it writes the file "
                    "anew, and the training goes on from the newest checkpoint. "
                    f"Received: {self._images.name(index)}"
                )
            if self._fatal and self._images.has_vanished(index):
                raise FileNotFoundError(
                    "An image has vanished since the run began. Expected all of them "
                    "to stay; with them back, the same command goes on from the "
                    f"newest checkpoint. Received: {self._images.name(index)}, missing"
                )
            self.unreadable.add(index)
            logging.warning("Cannot read image %s: left out", self._name(index))
        if self._fatal and len(self._recent) >= min(_ENOUGH, len(self._images)):
            self._check()

    def _name(self, index):
        return repr(self._images.name(index))

    def _check(self):
        seen = len(self._recent)
        unreadable = int(np.sum(self._recent == data.UNDECODABLE))
        if unreadable > 0.5 * seen:
            names = ", ".join(self._name(i) for i in sorted(self.unreadable)[:3])
            raise ValueError(
                "Most images cannot be read. Expected at least half of them to be "
                f"whole. Received: {unreadable} unreadable of {seen} samples, such as "
                f"{names}"
            )
        readable = seen - unreadable
        achromatic = int(np.sum(self._recent == data.ACHROMATIC))
        if achromatic > 0.95 * readable:
            raise ValueError(
                "Nearly all images are gray. Expected color photographs, which "
                f"colors can be learned from. Received: {achromatic} achromatic of "
                f"{readable} samples"
            )
        if achromatic >= 0.5 * readable and not self._warned:
            self._warned = True
            logging.warning(
                "%.0f %% of the samples are gray and teach nothing",
                100 * achromatic / readable,
            )
