"""Results of a long evaluation, kept so that a stopped one can continue."""

import hashlib
import json
import pathlib

import numpy as np

from selfsup.progress import progress_bar


class Journal:
    """Results of images, kept in a file of one JSON line each.

    The first line describes what the results are of; a file about something else
    is replaced. A line torn by a kill does not count.

    Args:
        path: Path of the file; None keeps nothing.
        about: What JSON can hold: the model, the data and the options.
    """

    def __init__(self, path=None, about=None):
        self.path = pathlib.Path(path) if path is not None else None
        self._found = {}
        if self.path is None:
            return
        first = json.dumps(about)
        lines = self.path.read_text().split("\n") if self.path.exists() else []
        # What follows the last line break is torn, or empty.
        whole = lines[:-1]
        if whole and whole[0] == first:
            self._found = dict(json.loads(line) for line in whole[1:])
        else:
            whole = [first]
        self.path.write_text("".join(f"{line}\n" for line in whole))

    def results(self, names, compute, progress=None):
        """Goes through images, and computes the results that are not there yet.

        Args:
            names: Names of all images.
            compute: Function from the numbers of the images that are missing to an
                iterator of their results, NumPy arrays.
            progress: Name of a progress bar, or None for no bar.

        Yields:
            The result of each image, in order.
        """
        missing = [i for i, name in enumerate(names) if name not in self._found]
        computed = compute(missing)
        hidden = progress is None
        for name in progress_bar(names, progress, disable=hidden, leave=False):
            if name in self._found:
                yield np.asarray(self._found[name])
                continue
            value = next(computed)
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps([name, value.tolist()]) + "\n")
            yield value

    def close(self):
        """Removes the file: the evaluation is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def fingerprint(model):
    """Returns a short digest of a model's weights."""
    digest = hashlib.sha256()
    # Not `variables`: the seeds of dropout are others each time a model is loaded.
    for variable in model.weights:
        digest.update(np.ascontiguousarray(variable.numpy()))
    return digest.hexdigest()[:16]
