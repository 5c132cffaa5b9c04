"""Cutting a GIF off behind its first frame."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selfsup.export import animations

import image_files


def cut(encoded):
    single, height, width = animations.first_frame(tf.constant(encoded))
    return single.numpy(), (int(height), int(width))


def test_what_follows_the_first_frame_is_gone():
    encoded = image_files.gif((5, 4), (3, 2))
    # Header 13, colours 6, extension 8; then a frame of 10 + 1 + 4 bytes.
    assert cut(encoded) == (encoded[:42] + b"\x3b", (2, 3))


def test_a_frame_with_colours_of_its_own():
    # Two colours, announced by the frame's flags.
    encoded = image_files.gif((1, 1), (1, 1))
    frame = encoded.index(b"\x2c")
    own = encoded[: frame + 9] + b"\x80" + b"abcdef" + encoded[frame + 10 :]
    assert cut(own)[0] == own[:48] + b"\x3b"


def test_one_frame_stays_as_it_is(photos):
    image = image_files.photograph(photos / "coffee.jpg").quantize(100)
    encoded = image_files.encoded(image, "GIF")
    assert cut(encoded) == (encoded, (40, 51))


@pytest.mark.parametrize("end", range(13, 41, 3))
def test_files_without_a_whole_frame_give_nothing(end):
    assert cut(image_files.gif((5, 4), (3, 2))[:end])[0] == b""


def test_the_search_is_bounded(monkeypatch):
    monkeypatch.setattr(animations, "_MAX_BLOCKS", 20)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    small, large = noise[:32, :32], noise
    for image, is_read in ((small, True), (large, False)):
        encoded = image_files.encoded(Image.fromarray(image), "GIF")
        assert bool(cut(encoded)[0]) == is_read
