"""Bars let everything through, and keep quiet in log files."""

import io

from selfsup.progress import progress_bar


def test_items_pass_unchanged_and_in_order():
    file = io.StringIO()
    assert list(progress_bar(iter("abc"), "letters", 3, file=file)) == list("abc")
    assert "letters" in file.getvalue() and "3/3" in file.getvalue()


def test_a_log_file_gets_few_lines(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    for _ in progress_bar(range(1000), "numbers"):
        pass
    # The empty bar and the full one.
    assert file.getvalue().count("numbers") <= 3


def test_a_bar_moved_by_hand_counts():
    bar = progress_bar(total=4, unit="step", file=io.StringIO())
    bar.update(3)
    assert bar.n == 3 and bar.unit == "step"
    bar.close()
