"""Tables as text."""

import pytest

from selfsup.analysis.tables import ledger, listing
from selfsup.analysis.tables.scales import SCALES

RESULTS = [
    {
        "table": 2,
        "scale": "mini",
        "row": "histograms",
        "column": "segmentation",
        "seed": seed,
        "value": value,
        "recipe": "abc",
        "images": [{"training": 9}],
    }
    for seed, value in enumerate((0.2, 0.3))
]


def test_rows_are_found_by_name():
    assert [c.row for c in listing.select(2, "HISTOGRAMS")] == ["histograms"]
    assert len(listing.select(6)) == 12


@pytest.mark.parametrize(
    "number, row, received",
    [
        (7, None, "Received: 7"),
        (2, "histogram", "Received: 'histogram'"),
        (4, "16 classes at random", "at mini"),
    ],
)
def test_what_is_not_there_is_refused(number, row, received):
    with pytest.raises(ValueError, match=received):
        listing.select(number, row)


def test_a_line_has_the_papers_number_ours_and_the_costs():
    text = listing.listing(RESULTS, "mini", [2])
    (line,) = (x for x in text.splitlines() if x.startswith("histograms  "))
    cells = [cell for cell in line.split("  ") if cell]
    assert cells[0] == "histograms"
    # Mean of 20 and 30; the root of 50 is 7.1.
    assert [c.strip() for c in cells[2:4]] == ["52.9", "25.0 ± 7.1 (2 seeds)"]
    assert "not run" in text


def test_a_scale_without_the_cell_has_no_number():
    (cell,) = listing.select(4, "16 classes at random", "full")
    assert listing.measured({}, 4, "mini", cell) == "-"
    assert listing.measured({}, 4, "full", cell) == "not run"


def test_a_cell_has_the_results_of_the_same_runs():
    (_, masks) = listing.select(3, "VGG-16, colorization")[:2]
    recipe = SCALES["mini"].recipe(masks).digest
    results = ledger.newest([{**result, "recipe": recipe} for result in RESULTS])
    assert listing.measured(results, 3, "mini", masks) == "25.0 ± 7.1 (2 seeds)"
    # The paper's settings are others, and so are those without the blocks.
    assert listing.measured(results, 3, "full", masks) == "not run"
    without = listing.select(3, "VGG-16, colorization")[0]
    assert listing.measured(results, 3, "mini", without) == "not run"
    # Its own say which runs; another cell may have more seeds of them.
    own = {**RESULTS[0], "table": 3, "row": masks.row, "column": masks.column}
    for changes, text in (
        ({}, "25.0 ± 7.1 (2 seeds)"),
        ({"recipe": "other"}, "20.0"),
        ({"images": [{"training": 8}]}, "20.0"),
    ):
        results = ledger.newest([*RESULTS, {**own, **changes}])
        assert listing.measured(results, 3, "mini", masks) == text
