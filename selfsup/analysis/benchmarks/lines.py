"""Measurements as lines of JSON and as a table."""

import json
import pathlib

from selfsup import atomic


def write(measured, path):
    """Writes measurements, one a line.

    Args:
        measured: A list of dicts.
        path: Path of the file; folders that are missing are made.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.write(path) as unfinished:
        unfinished.write_text("".join(json.dumps(row) + "\n" for row in measured))


def table(measured, columns):
    """Returns measurements as text, a row each.

    Args:
        measured: A list of dicts. One that has an `error` is named below the table.
        columns: Dict from titles to pairs of a key and a format. A column that no
            measurement has is left out.

    Returns:
        A string that ends in a line break.
    """
    shown = {
        title: (key, form)
        for title, (key, form) in columns.items()
        if any(row.get(key) is not None for row in measured)
    }
    rows = [list(shown)]
    for row in measured:
        values = [(row.get(key), form) for key, form in shown.values()]
        rows.append(["-" if v is None else format(v, form) for v, form in values])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    for row in measured:
        if "error" in row:
            last = row["error"].strip().splitlines()[-1:]
            reason = "out of memory" if row["out_of_memory"] else "".join(last)
            settings = [
                f"{key} {row[key]}" for key, _ in columns.values() if key in row
            ]
            lines.append(f"Failed: {', '.join(settings)}: {reason}")
    return "\n".join(lines) + "\n"
