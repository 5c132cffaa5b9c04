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


@pytest.mark.parametrize(
    "head, may_be", [(TURNED, True), (BEHIND_JFIF, True), (UPRIGHT, False)]
)
def test_upright_files_stay_on_the_fast_path(head, may_be):
    # Bytes that are no text in any encoding around it.
    encoded = tf.constant(head + bytes(range(256)))
    assert bool(orientation.may_be_turned(encoded)) == may_be
