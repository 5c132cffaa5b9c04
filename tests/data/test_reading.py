"""Numbers and chunks of files, against `struct`."""

import struct

import pytest
import tensorflow as tf

from selfsup.data import reading

CONTENT = bytes(range(250, 256)) + bytes(range(6))


@pytest.mark.parametrize("size, code", [(1, "B"), (2, "H"), (4, "I")])
@pytest.mark.parametrize("little", [True, False, "later"])
def test_integers_are_those_of_struct(size, code, little):
    # The order may be known only when the graph runs.
    order = tf.constant(True) if little == "later" else little
    for position in range(len(CONTENT) - size + 1):
        (expected,) = struct.unpack_from("<>"[not little] + code, CONTENT, position)
        found = reading.unsigned(tf.constant(CONTENT), position, size, order)
        assert int(found) == expected


@pytest.mark.parametrize("position, size", [(11, 2), (12, 1), (99, 4), (-1, 1)])
def test_beyond_the_end_is_minus_one(position, size):
    position = tf.constant(position, tf.int64)
    assert int(reading.unsigned(tf.constant(CONTENT), position, size)) == -1
    assert int(reading.unsigned(tf.constant(b""), 0, size)) == -1


def test_slices_end_with_the_string():
    assert reading.slice_of(tf.constant(b"abcdef"), 4, 99) == b"ef"
    assert reading.slice_of(tf.constant(b"abcdef"), 9, 1) == b""
    assert reading.slice_of(tf.constant(b"abcdef"), 1, -3) == b""


def chunk(name, content=b""):
    return struct.pack(">I", len(content)) + name + content + b"sums"


@pytest.mark.parametrize(
    "chunks, found",
    [
        ([chunk(b"IHDR", b"1"), chunk(b"tRNS", b"abc"), chunk(b"IDAT")], b"abc"),
        ([chunk(b"IHDR", b"1"), chunk(b"IDAT"), chunk(b"tRNS", b"abc")], b""),
        ([chunk(b"IHDR", b"1")], b""),
        ([chunk(b"IHDR", b"1"), chunk(b"tRNS", b"abc")[:10]], b"ab"),
        ([b"\xff\xff\xff\xffIHDR", chunk(b"tRNS", b"abc")], b""),
        ([], b""),
    ],
    ids=["there", "too late", "none", "cut off", "endless", "empty"],
)
def test_chunks_are_found(chunks, found):
    encoded = tf.constant(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert reading.png_chunk(encoded, b"tRNS", last=b"IDAT") == found


def test_the_search_is_bounded(monkeypatch):
    monkeypatch.setattr(reading, "MAX_STEPS", 5)
    for before, found in ((4, b"abc"), (5, b"")):
        parts = [chunk(b"junk")] * before + [chunk(b"tRNS", b"abc")]
        encoded = tf.constant(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
        assert reading.png_chunk(encoded, b"tRNS", last=b"IDAT") == found
