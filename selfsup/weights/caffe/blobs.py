"""The layout of Caffe's HDF5 files: `/data/<layer>/<blob>`, float32.

Caffe writes an empty group for every layer without blobs, and optionally the
gradients below `/diff`; both are ignored.
"""

import contextlib
import json
import math

import h5py
import numpy as np

from selfsup import atomic
from selfsup.weights import assignment, hdf5, memory

# Attribute of files that we write: what Caffe keeps in its prototxt, as JSON.
_RECORD = "selfsup"


class Blobs:
    """The blobs of an open file.

    Attributes:
        path: Path of the file.
        shapes: Dict from `layer/index`, such as `conv1_1/0`, to the shape.
        record: Dict that `write` recorded; empty for files that Caffe wrote.
        not_finite: Names of blobs in which NaN or infinity was read so far.
    """

    def __init__(self, path, datasets, record):
        self.path = path
        self.record = record
        self.shapes = {name: dataset.shape for name, dataset in datasets.items()}
        self.not_finite = []
        self._datasets = datasets

    def layers(self):
        """Returns the names of the layers that have blobs, in the file's order."""
        return tuple(dict.fromkeys(map(assignment.layer_of, self.shapes)))

    def without(self, layers):
        """Returns the blobs without those of some layers.

        Args:
            layers: Their names.

        Raises:
            ValueError: If it has no such layers.
        """
        unknown = [name for name in layers if name not in self.layers()]
        if isinstance(layers, str) or unknown:
            raise ValueError(
                "Argument `skip` must hold names of layers of the file, "
                f"{', '.join(self.layers())}. Received: skip={layers!r}"
            )
        kept = {
            name: dataset
            for name, dataset in self._datasets.items()
            if assignment.layer_of(name) not in layers
        }
        return Blobs(self.path, kept, self.record)

    def read(self, name, where=...):
        """Reads a blob, or part of it.

        Args:
            name: Its name, a key of `shapes`.
            where: Index of the part.

        Returns:
            A float32 array.

        Raises:
            ValueError: If it cannot be read.
        """
        try:
            values = self._datasets[name][where]
            # Values beyond float32 become infinite, which is reported below.
            with np.errstate(over="ignore"):
                array = np.asarray(values, np.float32)
        except hdf5.UNREADABLE as error:
            raise ValueError(
                "A blob cannot be read. Expected an array of numbers. "
                f"Received: {self.path}: {name} ({atomic.first_line(error)})"
            ) from error
        if name not in self.not_finite and not np.isfinite(array).all():
            self.not_finite.append(name)
        return array

    def slices(self, name):
        """Reads a blob in slices along its first axis.

        Args:
            name: Its name.

        Yields:
            Pairs of the first index and a float32 array `[n, ...]`.

        Raises:
            ValueError: If it cannot be read.
        """
        shape = self.shapes[name]
        step = max(1, memory.SLICE // max(1, math.prod(shape[1:])))
        for start in range(0, shape[0], step):
            yield start, self.read(name, slice(start, start + step))


@contextlib.contextmanager
def opened(path):
    """Opens a file of Caffe weights.

    Args:
        path: Path of the file.

    Yields:
        A `Blobs`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, not HDF5, or not in Caffe's layout.
    """
    with hdf5.opened(path) as file:
        try:
            datasets = hdf5.datasets(file.get("data"))
            record = dict(json.loads(file.attrs.get(_RECORD, "{}")))
        except hdf5.UNREADABLE as error:
            raise ValueError(
                "The weights cannot be read: the file is damaged. Expected a whole "
                f".caffemodel.h5 file. Received: {path} ({atomic.first_line(error)})"
            ) from error
        if not datasets:
            raise ValueError(
                "The file holds no Caffe weights. Expected blobs /data/LAYER/NUMBER. "
                f"Received: {path} with {', '.join(file) or 'nothing'}"
            )
        yield Blobs(path, datasets, record)


def write(path, blobs, record):
    """Writes a file of Caffe weights.

    Args:
        path: Path of the file; one that exists is replaced.
        blobs: Iterable of pairs of a blob's name and its array.
        record: Dict of plain values for `Blobs.record`.

    Raises:
        OSError: If the file cannot be written.
    """
    with atomic.write(path) as unfinished:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(unfinished, "w") as file:
            file.attrs[_RECORD] = json.dumps(record)
            for name, array in blobs:
                file.create_dataset(f"data/{name}", data=array, dtype=np.float32)
