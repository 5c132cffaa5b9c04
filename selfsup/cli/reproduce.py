"""Reproduces the paper's tables, a row by one command.

    python tools/reproduce.py --list
    python tools/reproduce.py --table 1 --row "colorization, VGG-16" --seeds 5 \\
        --data photos --voc_dir VOC2012
    python tools/reproduce.py --table 1 --row "colorization, VGG-16" --scale full \\
        --init vgg16.caffemodel.h5 --voc_dir VOCdevkit --sbd_dir benchmark_RELEASE
    python tools/reproduce.py --table 3 --scale full --data ilsvrc --data places \\
        --labeled_data ilsvrc --voc_dir VOCdevkit --sbd_dir benchmark_RELEASE

A number takes a chain of runs: pretraining, then a downstream run whose seed varies. A
run that is done is not done again, whatever table it stands in, and the same command
goes on where it stopped. --init takes weights that are there, such as the authors',
in place of a pretraining. full has the paper's settings. mini is the same with a small
network and short runs, on any folder of photographs, any folder of class folders and
any data in the layout of VOC. A number whose data are not given is left out. Results
gather in one file, with settings, seed, versions and duration; --page writes them into
a Markdown page, beside the paper's.
"""

import dataclasses
import os
import pathlib
import sys

from absl import logging

from selfsup.analysis.tables import ledger, listing, page, paper
from selfsup.analysis.tables.running import TableData, check_data, run_cell
from selfsup.analysis.tables.scales import SCALES
from selfsup.cli.app import Tool
from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags that say what is run."""

    table: int | None = setting(None, "Number of the table, 1 to 6.")
    row: str | None = setting(None, "Name of the row. Default: all of the table.")
    scale: str = setting(
        "mini",
        "Size of networks and runs: the paper's, or small.",
        choices=SCALES,
    )
    init: str | None = setting(
        None,
        "Weights in place of a pretraining by colorization in the --row: a pretrained "
        "workdir, a .keras or .caffemodel.h5 file, or a name from the zoo.",
        path=True,
    )
    seeds: int = setting(1, "Downstream runs of each number, with seeds 0, 1, ...", 1)
    list: bool = setting(False, "List rows, numbers so far and costs; run nothing.")
    workdir: str = setting("runs/tables", "Folder of all runs.", path=True)
    results: str | None = setting(
        None, "File of the results. Default: results.jsonl in the workdir.", path=True
    )
    page: str | None = setting(
        None,
        "Markdown page whose tables are written anew; without --table nothing is run.",
        path=True,
    )


def main(options, given):
    """Runs what is wanted, lists it, and writes the page."""
    folder = pathlib.Path(options.workdir)
    path = options.results or folder / "results.jsonl"
    results = ledger.read(path)
    numbers = paper.TABLES if options.table is None else [options.table]
    if options.row is not None and options.table is None:
        raise ValueError("A row is of a table. Expected --table. Received: --row alone")
    if options.init is not None and options.row is None:
        raise ValueError(
            "Weights are of one network. Expected the --row that they stand in. "
            f"Received: --init={options.init} alone"
        )
    if options.list:
        text = listing.listing(results, options.scale, numbers, options.row)
        sys.stdout.write(text + "\n")
        return
    if options.table is not None:
        _run(options, TableData.from_values(given), folder, path)
    elif options.page is None:
        raise ValueError(
            "Nothing is to be done. Expected --table, --list or --page. Received: none"
        )
    elif not os.path.exists(path):
        raise FileNotFoundError(
            "There are no results to write into the page. Expected --results, or "
            f"--table to measure some. Received: {path}"
        )
    if options.page:
        page.write(options.page, ledger.read(path))
        logging.info("Look at %s", options.page)


def _run(options, data, folder, path):
    cells = _ready(options, data)
    # A seed of all numbers before the next: what is there early can be compared.
    for seed in range(options.seeds):
        for cell in cells:
            result = run_cell(
                options.table,
                cell,
                options.scale,
                seed,
                folder,
                data,
                path,
                options.init,
            )
            percent = 100 * result["value"]
            text = "%s, %s, seed %d: %.2f %%"
            logging.info(text, cell.row, cell.column, seed, percent)
    text = listing.listing(
        ledger.read(path), options.scale, [options.table], options.row
    )
    logging.info("\n%s", text)


def _ready(options, data):
    """Returns the cells whose data are given; they are looked at."""
    recipes, missing = {}, set()
    cells = listing.select(options.table, options.row, options.scale)
    if options.init and all(c.pretraining != paper.COLORIZATION for c in cells):
        raise ValueError(
            "The row has no pretraining by colorization. Expected one that has, or no "
            f"--init. Received: --row={options.row!r} with --init={options.init}"
        )
    for cell in cells:
        recipe = SCALES[options.scale].recipe(cell, data.has_more_masks, options.init)
        flags = [f"--{flag}" for flag in data.missing(recipe)]
        missing.update(flags)
        if flags:
            text, shown = "Left out: %s, %s, without %s", ", ".join(flags)
            logging.warning(text, cell.row, cell.column, shown)
        else:
            recipes[cell.row, cell.column] = cell, recipe
    if not recipes:
        raise ValueError(
            f"Data are missing. Expected {', '.join(sorted(missing))}; --list shows "
            "what it costs. Received: none of them"
        )
    measures = {SCALES[options.scale].measures[c.task] for c, _ in recipes.values()}
    check_data([recipe for _, recipe in recipes.values()], data, measures)
    return [cell for cell, _ in recipes.values()]


TOOL = Tool(__doc__, main, Options, {"data": TableData})
