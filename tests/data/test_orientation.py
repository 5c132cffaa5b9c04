"""Which files may have to be turned, and turning."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from selfsup.data import orientation

SEGMENT = b"\xff\xd8\xff\xe1\x00\x22Exif\0\0"
TURNED = SEGMENT + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
UPRIGHT = TURNED[:-4] + b"\x01\0\0\0"
BEHIND_JFIF = TURNED[:2] + b"\xff\xe0\x00\x04ab" + TURNED[2:]


@pytest.mark.parametrize(
    "head, may_be", [(TURNED, True), (BEHIND_JFIF, True), (UPRIGHT, False)]
)
def test_upright_files_stay_on_the_fast_path(head, may_be):
    # Bytes that are no text in any encoding around it.
    encoded = tf.constant(head + bytes(range(256)))
    assert bool(orientation.may_be_turned(encoded)) == may_be


@pytest.mark.parametrize("value", range(1, 9))
def test_images_are_turned_as_pillow_does(value):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = value
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(orientation.turned(pixels, value), expected)
