"""Decoding by TensorFlow ops alone, against the package's decoding and PIL."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selfsup.data.decoding import decode_bytes
from selfsup.export import decoding

import image_files

LIMIT = 320 * 480
KINDS = list(image_files.kinds(Image.new("RGB", (51, 40))))
BAD = list(image_files.bad(Image.new("RGB", (51, 40))))


@pytest.fixture(scope="module")
def decode():
    """Decodes as within a server: compiled, so without Python."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def decode(encoded):
        return decoding.decode(encoded, LIMIT)

    return decode


@pytest.fixture(scope="module")
def image(photos):
    return image_files.photograph(photos / "coffee.jpg")


def assert_same(decode, encoded):
    np.testing.assert_array_equal(decode(encoded), decode_bytes(encoded, "image"))


def test_photographs_equal_those_of_training(decode, photos):
    paths = sorted(photos.glob("*.jpg"))[::12]
    for path in paths:
        assert_same(decode, path.read_bytes())
    assert len(paths) > 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_equals_that_of_training(decode, image, kind):
    assert_same(decode, image_files.kinds(image)[kind])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(decode, image, kind, orientation):
    encoded = image_files.turned(image, kind, orientation)
    assert_same(decode, encoded)
    # Independent of the package: 5 to 8 exchange the sides.
    assert decode(encoded).shape[0] == (51 if orientation >= 5 else 40)


def test_transparent_black_of_one_bit_lies_on_white(decode, image):
    encoded = image_files.encoded(image.convert("1"), "PNG", transparency=0)
    # OpenCV, which the package reads such files with, misses this case.
    assert (decode(encoded).numpy() == 255).all()


def test_a_motion_photo_is_its_photograph(decode, image):
    jpeg = image_files.encoded(image, "JPEG")
    # Random bytes look like hundreds of scans, and like ends of images.
    video = b"\0\0\0\x14ftypmp42" + np.random.default_rng(0).bytes(9_000_000)
    np.testing.assert_array_equal(decode(jpeg + video), decode(jpeg))


@pytest.mark.parametrize("name", BAD)
def test_bad_bytes_are_an_invalid_argument(decode, image, name):
    encoded, message = image_files.bad(image)[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode(encoded)


def test_the_limit_itself_is_read(decode):
    width, height = 480, 320
    image = Image.new("L", (width, height))
    assert decode(image_files.encoded(image, "PNG")).shape == (height, width, 3)
    image = Image.new("L", (width, height + 1))
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"over {LIMIT} pixels"):
        decode(image_files.encoded(image, "PNG"))
