"""The tables as text: rows, numbers so far, and costs."""

from selfsup.analysis import spread
from selfsup.analysis.tables import ledger
from selfsup.analysis.tables.costs import cost
from selfsup.analysis.tables.paper import TABLES
from selfsup.analysis.tables.scales import SCALES

# What stands where nothing was run, and where there is no number.
NOT_RUN, NONE = "not run", "-"


def select(number, row=None, scale="mini"):
    """Finds cells of a table.

    Args:
        number: Number of the table.
        row: Name of a row, in capitals or not; None for all.
        scale: A key of `SCALES`.

    Returns:
        A list of `paper.Cell`s.

    Raises:
        ValueError: If there is no such table or row, or not at this scale.
    """
    if number not in TABLES:
        raise ValueError(
            "There is no such table. Expected one of "
            f"{', '.join(map(str, TABLES))}. Received: {number}"
        )
    table = TABLES[number]
    wanted = None if row is None else row.casefold()
    if wanted is not None and wanted not in map(str.casefold, table.rows):
        raise ValueError(
            f"There is no such row in table {number}. Expected one of "
            f"{'; '.join(table.rows)}. Received: {row!r}"
        )
    cells = [
        cell
        for cell in table.cells
        if scale in cell.scales and wanted in (None, cell.row.casefold())
    ]
    if not cells:
        raise ValueError(
            "The row is not at this scale. Expected another --scale. "
            f"Received: {row!r} at {scale}"
        )
    return cells


def find(results, number, scale, cell):
    """Finds the results of a cell, or of another that takes the same runs.

    Args:
        results: What `ledger.newest` returned.
        number: Number of the table.
        scale: A key of `SCALES`.
        cell: A `paper.Cell`.

    Returns:
        A list of results that differ in their seeds alone, those of the cell with the
        most seeds; empty where there are none.
    """
    if scale not in cell.scales:
        return []
    own = results.get((number, scale, cell.row, cell.column), [])
    digest = own[-1]["recipe"] if own else SCALES[scale].recipe(cell).digest
    same = [
        found
        for (_, where, *_), found in results.items()
        if (where, found[-1]["recipe"]) == (scale, digest)
        and (not own or ledger.agree(found[-1], own[-1]))
    ]
    return max([own, *same], key=len)


def measured(results, number, scale, cell):
    """Returns what was measured of a cell, as text; arguments are those of `find`."""
    if scale not in cell.scales:
        return NONE
    found = find(results, number, scale, cell)
    if not found:
        return NOT_RUN
    text = spread.percent(spread.summary([result["value"] for result in found]))
    return f"{text} ({len(found)} seeds)" if len(found) > 1 else text


def paper_number(cell):
    """Returns the paper's number of a cell, as text."""
    return NONE if cell.paper is None else f"{cell.paper:.1f}"


def listing(results, scale, numbers=tuple(TABLES), row=None):
    """Formats tables: the paper's numbers, those measured, and what each takes.

    Args:
        results: What `ledger.read` returned.
        scale: A key of `SCALES`.
        numbers: Numbers of the tables.
        row: Name of a row of the only table; None for all.

    Returns:
        A string of several lines.

    Raises:
        ValueError: As in `select`.
    """
    newest, settings = ledger.newest(results), SCALES[scale]
    lines = [
        f"Scale {scale}, in percent. Training samples of the pretraining + those of a "
        f"downstream run; hours on {settings.machine}.",
    ]
    for number in numbers:
        cells = select(number, row, scale)
        lines += ["", f"Table {number}: {TABLES[number].title}"]
        rows = [("row", "column", "paper", "measured", "samples", "hours")]
        for cell in cells:
            costs = [
                cost(part, settings.speeds) for part in settings.recipe(cell).chain
            ]
            rows.append(
                (
                    cell.row,
                    cell.column,
                    paper_number(cell),
                    measured(newest, number, scale, cell),
                    " + ".join(_count(found.samples) for found in costs),
                    " + ".join(_hours(found.hours) for found in costs),
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["  ".join(map(str.ljust, cells, widths)) for cells in rows]
    return "\n".join(line.rstrip() for line in lines)


def _count(samples):
    if samples < 1e6:
        return f"{samples / 1e3:.0f} k"
    return f"{samples / 1e6:.1f} M"


def _hours(hours):
    return "not measured" if hours is None else f"{hours:.1f}"
