"""The EXIF orientation, against Pillow and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selfsup.data import headers
from selfsup.export import orientation

import image_files


@pytest.fixture(scope="module")
def readers():
    signature = [tf.TensorSpec([], tf.string)]
    functions = {
        "JPEG": orientation.jpeg_orientation,
        "PNG": orientation.png_orientation,
    }
    return {
        kind: tf.function(function, input_signature=signature, autograph=False)
        for kind, function in functions.items()
    }


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_whole_files_say_the_same_and_damaged_ones_something(readers, kind):
    rng = np.random.default_rng(0)
    image = Image.new("RGB", (2, 2))
    found = set()
    for value in (3, 6, 8):
        whole = image_files.turned(image, kind, value)
        assert int(readers[kind](whole)) == headers.orientation(whole) == value
        head = whole[:110] if kind == "JPEG" else whole
        for _ in range(100):
            damaged = bytearray(head[: rng.integers(8, len(head) + 1)])
            for place in rng.integers(8, len(damaged) + 1, rng.integers(3)) - 1:
                damaged[place] = rng.integers(256)
            answer = int(readers[kind](bytes(damaged)))
            assert 1 <= answer <= 8, bytes(damaged)
            found.add(answer)
    # The damage has hit some and left others.
    assert found >= {1, 3, 6, 8}


MAKE = b"\x0f\x01\x02\0\x04\0\0\0abc\0"
ENTRY = b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
HEAD = b"II*\0\x08\0\0\0"


@pytest.mark.parametrize(
    "tiff, value",
    [
        (HEAD + b"\x02\0" + MAKE + ENTRY, 6),
        (HEAD + b"\x01\0" + MAKE + ENTRY, 1),
        (HEAD + b"\x02\0" + ENTRY.replace(b"\x06", b"\x09") + ENTRY, 6),
        (HEAD + b"\xff\xff" + MAKE + ENTRY, 6),
        (b"MM\0*\0\0\0\x08\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 8),
        (b"XX" + HEAD[2:] + b"\x01\0" + ENTRY, 1),
        (b"II*\0\xff\xff\xff\xff", 1),
    ],
    ids=["second", "not counted", "first valid", "cut off", "MM", "XX", "far away"],
)
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_exif_data_are_read(readers, tiff, value, prefix):
    content = prefix + tiff
    size = len(content).to_bytes(4)
    encoded = b"\x89PNG\r\n\x1a\n" + size + b"eXIf" + content + b"sums"
    assert int(readers["PNG"](encoded)) == value


@pytest.mark.parametrize("between", [b"", b"\xff\xe0\0\4ab", b"\xff\xfe\0\3a"])
def test_parts_before_exif_data_are_skipped(readers, between):
    encoded = image_files.turned(Image.new("RGB", (2, 2)), "JPEG", 5)
    encoded = encoded[:2] + between + encoded[2:]
    assert int(readers["JPEG"](encoded)) == 5
    # The image has begun.
    assert int(readers["JPEG"](encoded[:2] + b"\xff\xdb\0\4ab" + encoded[2:])) == 1
