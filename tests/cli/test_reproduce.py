"""The tool of tables: lists, pages, and one-line errors."""

import json

import pytest

from selfsup.cli import reproduce

import tool_calls


def _reproduce(tmp_path, *flags):
    return tool_calls.call(reproduce.TOOL, f"--workdir={tmp_path / 'runs'}", *flags)


def test_lists_have_all_tables(tmp_path):
    for scale in ("full", "mini"):
        answer = _reproduce(tmp_path, "--list", f"--scale={scale}")
        assert answer.code == 0, answer.text
        assert "Table 1: " in answer.text and "Table 6: " in answer.text
    assert not (tmp_path / "runs").exists()


def test_a_list_of_a_row(tmp_path):
    answer = _reproduce(tmp_path, "--list", "--table=6", "--row=fc6, fc7")
    assert answer.text.count("fc6, fc7") == 3
    assert "Table 5" not in answer.text


def test_a_page_needs_no_runs(tmp_path):
    page, results = tmp_path / "page.md", tmp_path / "results.jsonl"
    flags = f"--page={page}", f"--results={results}"
    # Else a wrong path would write "not run" over all numbers.
    answer = _reproduce(tmp_path, *flags)
    assert answer.code and f"Received: {results}" in answer.text
    assert not page.exists()
    results.touch()
    answer = _reproduce(tmp_path, *flags)
    assert answer.code == 0, answer.text
    row = (
        "| colorization, VGG-16 | 56.0 / not run / not run | 77.2 / not run / not run |"
    )
    assert row in page.read_text()


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "Expected --table, --list or --page"),
        (["--table=9"], "Received: 9"),
        (["--table=1", "--row=VGG"], "Received: 'VGG'"),
        (["--row=random, VGG-16"], "Received: --row alone"),
        (["--table=1", "--init=sample"], "Received: --init=sample alone"),
        (["--table=1", "--row=random, VGG-16", "--init=sample"], "with --init=sample"),
        (["--table=1", "--seeds=0"], "seeds=0"),
        (["--table=1", "--scale=huge"], "Received: scale='huge'"),
        (["--table=2"], "Expected --data, --voc_dir"),
        (["--table=2", "--data=photos"], "Expected --voc_dir"),
        (["--table=2", "--data=photos", "--voc_dir=nowhere"], "Received: 'nowhere'"),
    ],
)
def test_bad_calls_take_one_line(tmp_path, flags, message):
    assert message in _reproduce(tmp_path, *flags).error_line()
    assert not (tmp_path / "runs").exists()


def test_a_torn_line_of_the_results_is_named(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({"table": 1})[:-3])
    line = _reproduce(tmp_path, "--list", f"--results={path}").error_line()
    assert "line 1" in line
