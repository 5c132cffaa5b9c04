"""Measurements become lines of JSON and the rows of a table."""

import json

from selfsup.analysis.benchmarks import lines

_MEASURED = [
    {"way": "ours", "ms": 1.25, "more": [1, 2]},
    {"way": "theirs", "error": "Traceback\nValueError: no", "out_of_memory": False},
    {"way": "large", "error": "a long story", "out_of_memory": True},
]


def test_a_line_is_a_measurement(tmp_path):
    path = tmp_path / "new" / "found.jsonl"
    lines.write(_MEASURED, path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == _MEASURED


def test_a_table_has_a_row_for_each_and_names_failures():
    columns = {"": ("way", ""), "ms": ("ms", ".1f"), "MB": ("megabytes", ".0f")}
    assert lines.table(_MEASURED, columns).splitlines() == [
        "         ms",
        "  ours  1.2",
        "theirs    -",
        " large    -",
        "Failed: way theirs: ValueError: no",
        "Failed: way large: out of memory",
    ]
