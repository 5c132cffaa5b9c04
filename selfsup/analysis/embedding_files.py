"""Files of features with the names of their photographs: NumPy's, CSV, Parquet."""

import csv
import importlib.util
import itertools
import pathlib
import zipfile

import numpy as np

from selfsup import atomic
from selfsup.weights import saving

# Of members of an archive: the same features give the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def check(path, maps=False, overwrite=False):
    """Refuses a path that `write` could not write to.

    Args:
        path: Path of the file.
        maps: Whether whole maps are to be written.
        overwrite: Whether the file may exist.

    Raises:
        ValueError: If the ending is unknown, or the format holds no maps.
        FileExistsError: If the file exists and may not, or is a folder.
        ImportError: If the library of the format is not installed.
    """
    suffix = pathlib.Path(path).suffix
    if suffix not in _WRITERS:
        raise ValueError(
            "The output has an unknown ending. Expected a file that ends in "
            f"{' or '.join(_WRITERS)}. Received: {path}"
        )
    if maps and suffix != ".npz":
        raise ValueError(
            "Whole maps do not fit into the rows of a table. Expected a file that ends "
            f"in .npz, or a pooling, mean or max. Received: {path}"
        )
    if suffix == ".parquet" and not importlib.util.find_spec("pyarrow"):
        raise ImportError(
            "The library that writes Parquet is not installed. Expected: pip install "
            f"-e '.[parquet]'. Received: {path} without pyarrow"
        )
    saving.checked_output(path, suffix, overwrite)


def write(path, names, blocks, channels=None):
    """Writes features, whole or not at all, a block at a time.

    `.npz` holds `names [N]` and `features [N, C]`; or, of whole maps, `names` and
    `map_0 [h, w, C]`, `map_1` ... in the order of the names. `.csv` has a column
    `name`, then `feature_0` to the last; digits are as many as float32 needs.
    `.parquet` has `name` and `features`, lists of one length.

    Args:
        path: Path of the file; its ending selects the format.
        names: List of the names of all photographs.
        blocks: Iterable of `[n, C]`, float32, in the order of the names; of lists of
            `[h, w, C]` for whole maps.
        channels: Length `C` of the features; None for whole maps.

    Raises:
        OSError: If the file cannot be written.
    """
    with atomic.write(path) as unfinished:
        _WRITERS[unfinished.suffix](unfinished, names, blocks, channels)


def _write_npz(path, names, blocks, channels):
    with zipfile.ZipFile(path, "w") as archive:
        with _member(archive, "names") as file:
            np.lib.format.write_array(file, np.asarray(names, np.str_))
        if channels is None:
            for number, whole in enumerate(itertools.chain.from_iterable(blocks)):
                with _member(archive, f"map_{number}") as file:
                    np.lib.format.write_array(file, np.asarray(whole, "<f4"))
            return
        shape = len(names), channels
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        with _member(archive, "features") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(np.ascontiguousarray(block, "<f4").tobytes())


def _member(archive, name):
    info = zipfile.ZipInfo(f"{name}.npy", _DATE)
    return archive.open(info, "w", force_zip64=True)


def _write_csv(path, names, blocks, channels):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", *(f"feature_{i}" for i in range(channels))])
        rows = itertools.chain.from_iterable(blocks)
        writer.writerows([name, *row] for name, row in zip(names, rows, strict=True))


def _write_parquet(path, names, blocks, channels):
    import pyarrow
    import pyarrow.parquet

    kind = pyarrow.list_(pyarrow.float32(), channels)
    schema = pyarrow.schema([("name", pyarrow.string()), ("features", kind)])
    names = iter(names)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            rows = pyarrow.array(np.ravel(block))
            columns = [
                pyarrow.array(
                    list(itertools.islice(names, len(block))), schema[0].type
                ),
                pyarrow.FixedSizeListArray.from_arrays(rows, channels),
            ]
            writer.write_table(pyarrow.table(columns, schema=schema))


_WRITERS = {".npz": _write_npz, ".csv": _write_csv, ".parquet": _write_parquet}
