"""The table of a run's steps, `log.csv`."""

import csv
import pathlib

from selfsup import atomic


def cut(path, step):
    """Removes the rows of a CSV log that come after a step.

    A run that was killed may have logged steps that its newest checkpoint does
    not hold; they are done, and logged, again.

    Args:
        path: Path of the log; it may be missing. It has a column `step`.
        step: Last step that is kept.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return
    # Whatever bytes a damaged file holds.
    with path.open(newline="", errors="replace") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        rows = [row for row in reader if _is_kept(row, names, step)]
    if not rows:
        path.unlink()
        return
    with atomic.write(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _is_kept(row, names, step):
    # A row torn by a kill lacks columns; in a damaged file it may have too many.
    if None in row or any(row.get(name) in (None, "") for name in ("step", *names)):
        return False
    try:
        return float(row["step"]) <= step
    except ValueError:
        return False
