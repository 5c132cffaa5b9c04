"""BMP files, built byte by byte."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from selfsup.export import bitmaps

import image_files


def bmp(width, height, bits, rows, palette=b"", used=0):
    first = 54 + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, used, 0
    )
    return (
        b"BM"
        + struct.pack("<III", first + len(rows), 0, first)
        + (header + palette + rows)
    )


def decoded(encoded):
    return bitmaps.decode(tf.constant(encoded)).numpy().tolist()


def test_rows_run_upwards_and_are_filled_to_four_bytes():
    # Two pixels a row are six bytes, blue first; two bytes fill them up.
    rows = bytes([1, 2, 3, 4, 5, 6, 0, 0]) + bytes([7, 8, 9, 10, 11, 12, 0, 0])
    below, above = [[3, 2, 1], [6, 5, 4]], [[9, 8, 7], [12, 11, 10]]
    assert decoded(bmp(2, 2, 24, rows)) == [above, below]
    assert decoded(bmp(2, -2, 24, rows)) == [below, above]


def test_the_fourth_byte_is_no_transparency():
    assert decoded(bmp(1, 1, 32, bytes([1, 2, 3, 9]))) == [[[3, 2, 1]]]


PALETTE = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0])
RED, GREEN, BLUE, BLACK = [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]


@pytest.mark.parametrize(
    "bits, row, expected",
    [
        # Bits from the left: 0, 1, 1.
        (1, b"\x60\0\0\0", [RED, GREEN, GREEN]),
        (4, b"\x02\x10\0\0", [RED, BLUE, GREEN]),
        (8, b"\2\1\0\0", [BLUE, GREEN, RED]),
        # There is no fifth colour.
        (8, b"\2\4\0\0", [BLUE, BLACK, RED]),
    ],
)
def test_indices_are_looked_up(bits, row, expected):
    used = min(3, 2**bits)
    encoded = bmp(3, 1, bits, row, PALETTE[: 4 * used], used)
    assert decoded(encoded) == [expected]


def test_size_is_that_of_the_header(photos):
    image = image_files.photograph(photos / "coffee.jpg", (7, 5))
    encoded = image_files.encoded(image, "BMP")
    assert [int(n) for n in bitmaps.size(tf.constant(encoded))] == [5, 7]
    assert [int(n) for n in bitmaps.size(tf.constant(b"BM"))] == [0, 0]
    np.testing.assert_array_equal(decoded(encoded), np.asarray(image))
