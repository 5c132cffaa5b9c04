"""Means and spreads of several runs, against values worked by hand."""

import pytest

from selfsup.analysis import spread


def test_means_and_spreads():
    found = spread.summary([0.1, 0.2, 0.6])
    assert found["mean"] == pytest.approx(0.3)
    # Squares of -0.2, -0.1 and 0.3 over two.
    assert found["std"] == pytest.approx(0.07**0.5)
    assert spread.percent(found) == "30.0 ± 26.5"


def test_a_single_value_has_no_spread():
    found = spread.summary([0.5])
    assert found == {"mean": 0.5, "std": None, "values": [0.5]}
    assert spread.percent(found) == "50.0"
