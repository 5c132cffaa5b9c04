"""The tables in Markdown pages, between marks that say where each begins and ends."""

import itertools
import pathlib
import re

from selfsup import atomic
from selfsup.analysis.tables import ledger, listing
from selfsup.analysis.tables.paper import TABLES
from selfsup.analysis.tables.scales import SCALES

# A page that does not exist begins with this.
_HEAD = """# The paper's tables

Each place has three numbers in percent: the paper's, ours at the scale `full`, which
has the paper's settings, and ours at `mini`, the same code with a small network and
short runs on small data. Ours are mean and standard deviation of the seeds of the
downstream run. A `-` stands where the paper has no number, or the scale no such row.
[protocol.md](protocol.md) says what each number takes.

This page is written by `python tools/reproduce.py --page docs/results.md --results
docs/results.jsonl`.
"""

_TABLE = re.compile(r"<!-- table (\d+) -->\n.*?<!-- end of table \1 -->\n", re.DOTALL)


def write(path, results):
    """Writes the tables of a page anew; the rest of the page stays.

    Args:
        path: Path of a Markdown file with marks `<!-- table 1 -->` and `<!-- end of
            table 1 -->`. One that does not exist gets all tables.
        results: What `ledger.read` returned.

    Raises:
        ValueError: If the file has no such marks.
        OSError: If it cannot be written.
    """
    path, newest = pathlib.Path(path), ledger.newest(results)
    text = path.read_text(encoding="utf-8") if path.exists() else _blank()

    def tables(match):
        number = int(match[1])
        return _marked(number, _table(newest, number))

    text, count = _TABLE.subn(tables, text)
    if not count:
        raise ValueError(
            "A page has no place for tables. Expected lines <!-- table 1 --> and "
            f"<!-- end of table 1 -->, or no file. Received: {path}"
        )
    with atomic.write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _blank():
    sections = [
        f"## Table {number}: {table.title}\n\n{_marked(number, '')}"
        for number, table in TABLES.items()
    ]
    return "\n".join([_HEAD, *sections])


def _marked(number, text):
    return f"<!-- table {number} -->\n{text}<!-- end of table {number} -->\n"


def _table(newest, number):
    table = TABLES[number]
    columns = dict.fromkeys(cell.column for cell in table.cells)
    texts = {
        (cell.row, cell.column): " / ".join(
            [listing.paper_number(cell)]
            + [listing.measured(newest, number, scale, cell) for scale in SCALES]
        )
        for cell in table.cells
    }
    lines = [["paper / full / mini", *columns], ["---"] * (len(columns) + 1)]
    for row in table.rows:
        lines.append([row, *(texts[row, column] for column in columns)])
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*rows, "", *_notes(newest, number)]) + "\n"


def _notes(newest, number):
    """Returns lines on the runs of a table, and an empty one where there are any."""
    hours, given = {}, {}
    for cell, scale in itertools.product(TABLES[number].cells, SCALES):
        for result in listing.find(newest, number, scale, cell):
            for run in result["runs"]:
                hours[scale, run["name"]] = run["training_hours"]
            # Of the first of a chain: weights that were there.
            init = result["runs"][0].get("settings", {}).get("init")
            if init:
                given[scale, cell.row, init] = None
    notes = []
    for scale in SCALES:
        taken = [value for (where, _), value in hours.items() if where == scale]
        if taken:
            notes.append(
                f"Training for {scale}: {len(taken)} runs, {sum(taken):.1f} hours."
            )
    notes += [
        f"At {scale}, {row} begins with the weights `{init}`."
        for scale, row, init in given
    ]
    return [*notes, ""] if notes else []
