"""Only the scans of the image itself count, and all of them."""

import functools

import pytest
import tensorflow as tf
from PIL import Image

from selfsup.data import decoding, partial_decode, reading, scans

import image_files

SCAN = b"\xff\xda"


@pytest.fixture(scope="module")
def image(photos):
    return image_files.photograph(photos / "coffee.jpg")


@functools.cache
def compiled(max_steps):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def run(encoded):
        with tf.control_dependencies([scans.check(encoded)]):
            return tf.identity(encoded)

    assert max_steps == reading.MAX_STEPS
    return run


def check(encoded):
    compiled(reading.MAX_STEPS)(encoded)


def assert_refused(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="over 100 scans"):
        check(encoded)


def test_a_hundred_scans_are_the_limit(image):
    check(image_files.many_scans(image, 100))
    assert_refused(image_files.many_scans(image, 101))


def test_thumbnails_and_what_stands_behind_the_end_do_not_count(image):
    jpeg = image_files.many_scans(image, 100)
    inner = b"\xff\xe1\0\xca" + 100 * SCAN
    check(jpeg[:2] + inner + jpeg[2:] + 200 * SCAN)


@pytest.mark.parametrize(
    "between",
    # A comment with the end of an image; a bare marker before a comment.
    [b"\xff\xfe\0\4\xff\xd9", b"\xff\xd0\xff\xfe\0\4\xff\xd9", b"\xff\xff\0\xff\1"],
)
def test_a_false_end_hides_no_scan(image, between):
    jpeg = image_files.many_scans(image, 101)
    last = jpeg.rindex(SCAN)
    assert_refused(jpeg[:last] + between + jpeg[last:])


def test_cut_off_and_damaged_files_end_the_search(image):
    jpeg = image_files.many_scans(image, 10)
    for end in range(3, len(jpeg), 41):
        check(jpeg[:end])
        check(jpeg[:end] + b"\xff\xe1\xff\xff" + jpeg[end:])


def test_segments_are_limited_but_not_restarts(monkeypatch):
    # Else each of the 64 blocks would be a step.
    monkeypatch.setattr(reading, "MAX_STEPS", 30)
    image = Image.new("RGB", (64, 64))
    jpeg = image_files.encoded(image, "JPEG", restart_marker_blocks=1, subsampling=0)
    assert jpeg.count(b"\xff\xd3") == 8
    check(jpeg)
    with pytest.raises(tf.errors.InvalidArgumentError, match="or 30 segments"):
        check(jpeg[:2] + 30 * b"\xff\xfe\0\3a" + jpeg[2:])


def test_few_scans_need_no_count(image):
    for scans_count, few in ((10, True), (100, True), (101, False)):
        jpeg = image_files.many_scans(image, scans_count)
        assert bool(scans.are_few(tf.constant(jpeg))) == few
    assert bool(scans.are_few(tf.constant(b"")))


def test_every_reader_refuses_many_scans(image):
    jpeg = image_files.many_scans(image, 101)
    with pytest.raises(ValueError, match="x.jpg.*over 100 scans"):
        decoding.decode_bytes(jpeg, "x.jpg")
    with pytest.raises(tf.errors.InvalidArgumentError, match="over 100 scans"):
        partial_decode.read_window(tf.constant(jpeg), 128.0, [0.5, 0.5], 64)
