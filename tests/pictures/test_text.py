"""Text is as wide as it says it is."""

import numpy as np
import pytest

from selfsup.pictures import text


@pytest.mark.parametrize("line", ["a", "pedestrian", "0001TP_006690", "wrong (red)"])
def test_ink_stays_within_the_width(line):
    picture = np.full((60, 300, 3), 255, np.uint8)
    text.write(picture, line, 40, 30)
    rows, columns = np.nonzero(picture.min(axis=-1) < 128)
    width = text.text_width(line)
    assert columns.min() >= 39 and columns.max() <= 41 + width
    assert columns.max() >= 40 + 0.9 * width - 4
    assert rows.min() >= 30 - 14 and rows.max() <= 30 + 6


def test_no_text_leaves_the_picture_as_it_was():
    picture = np.full((20, 20, 3), 255, np.uint8)
    text.write(picture, "", 5, 15)
    assert picture.min() == 255
    assert text.text_width("") == 0
