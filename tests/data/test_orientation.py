"""Reading the EXIF orientation."""

import pytest
import tensorflow as tf

from selfsup.data import orientation

SEGMENT = b"\xff\xd8\xff\xe1\x00\x22Exif\0\0"
TURNED = SEGMENT + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
UPRIGHT = TURNED[:-4] + b"\x01\0\0\0"
BEHIND_JFIF = TURNED[:2] + b"\xff\xe0\x00\x04ab" + TURNED[2:]


@pytest.mark.parametrize(
    "head, value",
    [
        (TURNED, 6),
        (UPRIGHT, 1),
        (BEHIND_JFIF, 6),
        (TURNED[:-8], 1),
        (TURNED.replace(b"II*", b"XX*"), 1),
        (TURNED.replace(b"\x06\0", b"\x63\0"), 1),
        (b"\xff\xd8\xff\xdb\0\x04ab" + TURNED[2:], 1),
        (b"", 1),
        (b"\xff\xd8\xff", 1),
    ],
    ids=[
        "turned",
        "upright",
        "behind JFIF",
        "cut off",
        "no byte order",
        "out of range",
        "after the image begins",
        "empty",
        "start only",
    ],
)
def test_orientation_is_read(head, value):
    assert orientation.read_orientation(head) == value


EXIF = TURNED[12:]
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x01IHDRxcrc!\0\0\0\x1aeXIf" + EXIF
WEBP = b"RIFF\0\0\0\0WEBPVP8 \x01\0\0\0x\0EXIF\x1a\0\0\0" + EXIF


@pytest.mark.parametrize(
    "encoded, value",
    [
        (PNG, 6),
        (PNG[:-8], 1),
        (PNG.replace(b"eXIf", b"tEXt"), 1),
        (WEBP, 6),
        (WEBP.replace(b"EXIF\x1a\0\0\0", b"EXIF\x20\0\0\0Exif\0\0"), 6),
        (WEBP[:30], 1),
        (b"II*\0", 1),
    ],
)
def test_orientation_in_chunks_is_read(encoded, value):
    assert orientation.read_orientation(encoded) == value


@pytest.mark.parametrize(
    "head, may_be", [(TURNED, True), (BEHIND_JFIF, True), (UPRIGHT, False)]
)
def test_upright_files_stay_on_the_fast_path(head, may_be):
    # Bytes that are no text in any encoding around it.
    encoded = tf.constant(head + bytes(range(256)))
    assert bool(orientation.may_be_turned(encoded)) == may_be
