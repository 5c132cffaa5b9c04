"""The paper's tables: known numbers, and agreement between the tables."""

import collections

import pytest

from selfsup.analysis.tables import paper
from selfsup.analysis.tables.paper import TABLES
from selfsup.analysis.tables.scales import SCALES


def _number(table, row, column):
    (found,) = (
        cell.paper
        for cell in TABLES[table].cells
        if (cell.row, cell.column) == (row, column)
    )
    return found


@pytest.mark.parametrize(
    "table, row, column, percent",
    [
        (1, "colorization, VGG-16", "segmentation", 56.0),
        (1, "colorization, ResNet-152", "classification", 77.3),
        (1, "random, AlexNet", "classification", 46.2),
        (2, "regression of a and b", "segmentation", 48.0),
        (3, "VGG-16, colorization", "10 labels a class", 23.3),
        (3, "ResNet-152, random", "segmentation, +FoV", 10.5),
        (4, "2 classes by hierarchy", "segmentation", 46.1),
        (5, "colorization", "color input", 55.9),
        (6, "none", "random", 3.6),
        (6, "fc6, fc7", "random", None),
    ],
)
def test_numbers_of_the_paper(table, row, column, percent):
    assert _number(table, row, column) == percent


def test_what_is_the_same_run_has_the_same_number_in_all_tables():
    numbers = collections.defaultdict(set)
    for table in TABLES.values():
        for cell in table.cells:
            if "full" in cell.scales and cell.paper is not None:
                numbers[SCALES["full"].recipe(cell).digest].add(cell.paper)
    assert all(len(found) == 1 for found in numbers.values())
    # Such as the random VGG-16 of four tables.
    assert {35.1} in numbers.values() and len(numbers) == 55


def test_cells_of_a_table_are_told_apart():
    for table in TABLES.values():
        names = [(cell.row, cell.column) for cell in table.cells]
        assert len(set(names)) == len(names)
        for scale, settings in SCALES.items():
            cells = [cell for cell in table.cells if scale in cell.scales]
            assert len({settings.recipe(cell).digest for cell in cells}) == len(cells)


def test_rows_are_in_the_order_of_the_paper():
    assert TABLES[6].rows == ("none", "fc6, fc7", "conv4_1 to fc7", "all")
    assert paper.TABLES.keys() == {1, 2, 3, 4, 5, 6}
