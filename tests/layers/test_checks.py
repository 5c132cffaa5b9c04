"""Arguments that must be positive integers."""

import pytest

from selfsup.layers import checks


@pytest.mark.parametrize("value", [0, -1, 2.0, None, "3"])
def test_anything_but_a_positive_integer_is_named(value):
    with pytest.raises(ValueError, match=f"positive integer. Received: size={value}"):
        checks.check_positive("size", value)


def test_a_positive_integer_is_returned():
    assert checks.check_positive("size", 3) == 3
