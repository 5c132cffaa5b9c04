"""Paths and arrays become pixels; what is no image is refused."""

import numpy as np
import pytest

from selfsup import data
from selfsup.inference.image_arrays import as_pixels


def test_a_file_is_read_as_everywhere(photos):
    path = photos / "coffee.jpg"
    for given in (path, str(path), bytes(path)):
        np.testing.assert_array_equal(as_pixels(given), data.load_image(path))


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5, 1), (4, 5)])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64"])
def test_arrays_get_channels_and_one_of_two_types(shape, dtype):
    image = np.ones(shape, dtype)
    pixels = as_pixels(image)
    assert pixels.shape == (4, 5, 3 if shape[2:] == (3,) else 1)
    assert pixels.dtype == ("uint8" if dtype == "uint8" else "float32")
    assert (pixels == 1).all()


@pytest.mark.parametrize(
    "image, error, message",
    [
        ("nowhere.jpg", FileNotFoundError, "nowhere.jpg"),
        (np.zeros((3, 3), np.int64), TypeError, "Received: int64"),
        (np.zeros((1, 3, 3, 3), np.uint8), ValueError, r"Received: \[1, 3, 3, 3\]"),
        (np.zeros((3, 3, 4), np.uint8), ValueError, r"Received: \[3, 3, 4\]"),
        (np.zeros((0, 3, 3), np.uint8), ValueError, r"Received: \[0, 3, 3\]"),
        (np.full((3, 3), 255.0), ValueError, "Received: values from 255.0"),
        (np.full((3, 3), np.nan), ValueError, "Received: values from nan"),
        (np.full((3, 3), -0.1), ValueError, "Received: values from -0.1"),
    ],
)
def test_what_is_no_image_is_refused(image, error, message):
    with pytest.raises(error, match=message):
        as_pixels(image)
