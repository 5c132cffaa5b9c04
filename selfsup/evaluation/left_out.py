"""Images that are left out of a long work, and named in the end."""

import collections

import tensorflow as tf
from absl import logging

from selfsup import atomic, stopping

_NAMED = 20  # Failures that an error names.

# What a single image may end in: damaged, too large, or on a full disk.
FAILURES = (OSError, ValueError, MemoryError, tf.errors.OpError)


class LeftOut:
    """What was left out so far.

    Attributes:
        failures: List of pairs of a step, such as `"read"`, and what happened there.
    """

    def __init__(self):
        self.failures = []

    def add(self, step, error, path):
        """Notes and logs that an image is left out.

        Args:
            step: What it could not be: `"read"`, `"written"` ...
            error: One of `FAILURES`.
            path: Path or name of the image.

        Raises:
            stopping.Stopped: If the program was asked to stop.
        """
        # TensorFlow turns the end of a function that it called into its own.
        stopping.check()
        text, name = (" ".join(str(x).split()) for x in (error, path))
        expected, found, received = text.rpartition("Received: ")
        if not found:
            received = f"{path} ({atomic.first_line(error)})"
        elif name not in received:
            received = f"{path} ({received})"
        logging.warning("Left out: %sReceived: %s", expected, received)
        self.failures.append((step, received))

    def error(self, total, kind=ValueError):
        """Returns the error that names what was left out.

        Args:
            total: Number of all images.
            kind: Class of the error.
        """
        counts = collections.Counter(step for step, _ in self.failures)
        named = [message for _, message in self.failures[:_NAMED]]
        if len(self.failures) > _NAMED:
            named.append(f"and {len(self.failures) - _NAMED} more")
        how = ", ".join(
            f"{count} could not be {step}" for step, count in counts.items()
        )
        return kind(
            f"{how.replace('could', f'of {total} images could', 1)}; the others are "
            "done. Expected readable images, and room for the results. "
            f"Received: {'; '.join(named)}"
        )
