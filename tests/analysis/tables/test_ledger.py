"""The file of results: it grows by whole lines, each result once."""

import json

import pytest

from selfsup.analysis.tables import ledger

RESULT = {
    "table": 1,
    "scale": "mini",
    "row": "random",
    "column": "masks",
    "seed": 0,
    "value": 0.5,
    "recipe": "abc",
    "images": [{"training": "9 images, 0a1b"}],
    "runs": [{"name": "masks-0", "training_hours": 0.5}],
}


def test_what_is_added_is_read(tmp_path):
    path = tmp_path / "new" / "results.jsonl"
    assert ledger.read(path) == []
    other = {**RESULT, "seed": 1, "value": 0.25}
    assert ledger.append(path, RESULT)
    assert ledger.append(path, other)
    assert ledger.read(path) == [RESULT, other]


def test_a_result_is_there_once(tmp_path):
    path = tmp_path / "results.jsonl"
    ledger.append(path, RESULT)
    assert not ledger.append(path, {**RESULT, "date": "later"})
    assert ledger.read(path) == [RESULT]


@pytest.mark.parametrize(
    "damaged",
    [
        '{"table": 1, "sca',
        "[1]",
        '{"table": 1}',
        "\xff",
        json.dumps({**RESULT, "row": []}),
        json.dumps({**RESULT, "value": None}),
        json.dumps({**RESULT, "runs": []}),
        json.dumps({**RESULT, "runs": [{"name": "masks-0"}]}),
    ],
)
def test_a_damaged_line_is_named(tmp_path, damaged):
    path = tmp_path / "results.jsonl"
    ledger.append(path, RESULT)
    with path.open("a", encoding="latin-1") as file:
        file.write(damaged)
    with pytest.raises(ValueError, match="line 2"):
        ledger.read(path)
    # What is there stays as it is.
    content = path.read_bytes()
    with pytest.raises(ValueError, match="line 2"):
        ledger.append(path, {**RESULT, "seed": 7})
    assert path.read_bytes() == content


def test_what_is_measured_again_is_the_newest(tmp_path):
    path = tmp_path / "results.jsonl"
    other = {**RESULT, "recipe": "other", "value": 0.1}
    seed = {**RESULT, "seed": 1}
    mended = {**RESULT, "value": 0.75}

    def values():
        found = ledger.newest(ledger.read(path))
        return [result["value"] for result in found[1, "mini", "random", "masks"]]

    assert all(ledger.append(path, result) for result in (RESULT, seed, other))
    assert values() == [0.1]
    # Back to the former settings, and to the seeds that they have.
    assert ledger.append(path, RESULT)
    assert values() == [0.5, 0.5]
    # Another value of the same takes its place.
    assert ledger.append(path, mended)
    assert values() == [0.75, 0.5]
    assert not any(ledger.append(path, result) for result in (mended, seed))


def test_empty_lines_and_repeated_ones_are_no_results(tmp_path):
    path = tmp_path / "results.jsonl"
    line = json.dumps(RESULT)
    path.write_text(f"{line}\n\n{line}\n")
    assert list(ledger.newest(ledger.read(path)).values()) == [[RESULT]]


def test_a_lost_line_break_costs_no_result(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(RESULT))
    other = {**RESULT, "seed": 1}
    ledger.append(path, other)
    assert ledger.read(path) == [RESULT, other]


def test_seeds_of_the_newest_settings_are_taken_together():
    results = [
        {**RESULT, "recipe": "old", "value": 0.1},
        {**RESULT, "recipe": "old", "seed": 1, "value": 0.2},
        RESULT,
        {**RESULT, "column": "labels", "value": 0.9},
        {**RESULT, "seed": 1, "value": 0.7},
    ]
    newest = ledger.newest(results)
    assert [r["value"] for r in newest[1, "mini", "random", "masks"]] == [0.5, 0.7]
    assert [r["value"] for r in newest[1, "mini", "random", "labels"]] == [0.9]


def test_other_images_are_not_taken_together():
    results = [
        RESULT,
        {**RESULT, "seed": 1, "images": [{"training": "9 images, 2c3d"}]},
    ]
    found = ledger.newest(results)[1, "mini", "random", "masks"]
    assert found == results[1:]
