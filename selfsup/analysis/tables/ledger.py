"""The results of tables: a file with one JSON object a line, which only grows."""

import collections
import json
import os
import pathlib

# What tells results of one cell of a table apart from those of another.
_CELL = ("table", "scale", "row", "column")

# What all results have, and of which type.
_TYPES = {"table": int, "scale": str, "row": str, "column": str, "seed": int}
_TYPES |= {"value": int | float, "recipe": str, "images": list, "runs": list}

# What the mean of several seeds must agree in.
_SAME = ("recipe", "images", "tested_on")


def read(path):
    """Reads the results.

    Args:
        path: Path of the file; it may be missing.

    Returns:
        A list of dicts in the order of the file; see `append`.

    Raises:
        ValueError: If a line is damaged; its number is named.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return []
    results = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            result = json.loads(line)
            # Whatever else a line may hold.
            if not isinstance(result, dict):
                raise ValueError("no object")
            for name, kind in _TYPES.items():
                if not isinstance(result.get(name), kind):
                    raise ValueError(f"{name} is {result.get(name)!r}")
            if not (result["runs"] and all(map(_is_run, result["runs"]))):
                raise ValueError(f"runs is {result['runs']!r}")
        except ValueError as error:
            raise ValueError(
                "A file of results is damaged. Expected one JSON object a line, with "
                f"{', '.join(_TYPES)}; without the damaged line the runs "
                f"that are done are read again from their folders. Received: {path}, "
                f"line {number} ({error})"
            ) from error
        results.append(result)
    return results


def append(path, result):
    """Adds a result, unless the newest of the file have it: whole or not at all.

    Args:
        path: Path of the file; missing folders are made.
        result: Dict with `table`, `scale`, `row`, `column`, `seed`, `value`,
            `recipe`, the digest of its settings, `images`, what its runs learned from,
            as in their `images.json`, `runs`, what it took, each with `name` and
            `training_hours`, and more, that JSON can hold.

    Returns:
        Whether it was added.

    Raises:
        ValueError: As in `read`.
        OSError: If the file cannot be written.
    """
    cell = tuple(result[name] for name in _CELL)
    known = ("seed", "value", *_SAME)
    if any(agree(result, old, known) for old in newest(read(path)).get(cell, [])):
        return False
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = f"{json.dumps(result)}\n".encode()
    old = path.read_bytes() if path.exists() else b""
    if old and not old.endswith(b"\n"):
        # Only the end of the last line was cut off.
        line = b"\n" + line
    # One call, at the end of the file wherever that is by then: another process may
    # write results of other rows.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, line)
        os.fsync(file)
    finally:
        os.close(file)
    return True


def newest(results):
    """Groups the results by cell, and leaves out those of former settings.

    Args:
        results: What `read` returned.

    Returns:
        Dict from `(table, scale, row, column)` to a list of results that differ in
        their seeds alone: those that agree with the last one in settings and images,
        the last of each seed.
    """
    cells = collections.defaultdict(list)
    for result in results:
        cells[tuple(result[name] for name in _CELL)].append(result)
    return {
        cell: list(
            {
                result["seed"]: result for result in found if agree(result, found[-1])
            }.values()
        )
        for cell, found in cells.items()
    }


def agree(one, other, names=_SAME):
    """Says whether two results have the same settings and images."""
    return all(one.get(name) == other.get(name) for name in names)


def _is_run(run):
    return (
        isinstance(run, dict)
        and isinstance(run.get("name"), str)
        and isinstance(run.get("training_hours"), int | float)
    )
