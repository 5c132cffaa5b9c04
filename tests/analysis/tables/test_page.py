"""Tables in Markdown pages."""

import pathlib

import pytest

from selfsup.analysis.tables import ledger, page
from selfsup.analysis.tables.paper import TABLES

ROOT = pathlib.Path(__file__).resolve().parents[3]


def _result(row, seed, value, runs, **changes):
    return {
        "table": 2,
        "scale": "mini",
        "row": row,
        "column": "segmentation",
        "seed": seed,
        "value": value,
        "recipe": "abc",
        "images": [],
        "runs": [{"name": name, "training_hours": hours} for name, hours in runs],
        **changes,
    }


RESULTS = [
    _result("histograms", 0, 0.5, [("colors", 2.0), ("masks-0", 0.25)]),
    _result("histograms", 1, 0.7, [("colors", 2.0), ("masks-1", 0.25)]),
]


def test_a_new_page_has_all_tables(tmp_path):
    path = tmp_path / "results.md"
    page.write(path, RESULTS)
    text = path.read_text()
    for number, table in TABLES.items():
        assert f"## Table {number}: {table.title}\n" in text
    assert "| paper / full / mini | segmentation |\n| --- | --- |\n" in text
    assert "| histograms | 52.9 / not run / 60.0 ± 14.1 (2 seeds) |\n" in text
    # Of a row that the paper leaves empty in one column.
    assert "\n| random, VGG-16 | 35.1 / not run / not run | - / not run /" in text
    # A run that several results share counts once.
    assert "Training for mini: 3 runs, 2.5 hours.\n" in text


def test_the_rest_of_a_page_stays(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "# Title\n\n<!-- table 2 -->\nold\n<!-- end of table 2 -->\n\nThe end.\n"
    )
    page.write(path, RESULTS)
    text = path.read_text()
    assert text.startswith("# Title\n\n<!-- table 2 -->\n| paper / full / mini |")
    assert text.endswith("<!-- end of table 2 -->\n\nThe end.\n")
    assert "old" not in text and "table 1" not in text
    page.write(path, RESULTS)
    assert path.read_text() == text


def test_a_page_without_a_place_is_left_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# Title\n")
    with pytest.raises(ValueError, match=r"Expected lines <!-- table 1 -->"):
        page.write(path, RESULTS)
    assert path.read_text() == "# Title\n"


def test_weights_that_stand_for_a_pretraining_are_named(tmp_path):
    run = {"name": "masks-0", "training_hours": 0.25, "settings": {"init": "sample"}}
    result = {**_result("histograms", 0, 0.5, []), "runs": [run]}
    path = tmp_path / "results.md"
    page.write(path, [result])
    assert (
        "\nAt mini, histograms begins with the weights `sample`.\n" in path.read_text()
    )


@pytest.mark.parametrize("name", ["docs/results.md", "README.md"])
def test_the_tables_of_the_project_are_those_of_its_results(name, tmp_path):
    copy = tmp_path / "page.md"
    copy.write_text((ROOT / name).read_text())
    page.write(copy, ledger.read(ROOT / "docs" / "results.jsonl"))
    assert copy.read_text() == (ROOT / name).read_text()
