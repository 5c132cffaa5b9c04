"""Contact sheets hold what they were given, where they were given it."""

import cv2
import numpy as np
import pytest

from selfsup import pictures
from selfsup.pictures import sheets, text


def _flat(height, width, color):
    return np.ones((height, width, 3), np.float32) * np.float32(color)


def test_contact_sheet_shows_every_picture_in_its_cell():
    red, green, blue = np.eye(3)
    rows = [
        ("", [_flat(40, 60, red), _flat(20, 20, green)]),
        ("", [_flat(10, 10, blue), _flat(80, 160, red)]),
    ]
    sheet = pictures.contact_sheet(rows, ["a", "b"], height=50)
    # Columns: 75 wide (60 x 50 / 40) and 100; a gutter of 12, margins of 6.
    assert sheet.shape == (26 + 2 * 56, 12 + 75 + 6 + 100 + 6, 3)
    colors = 255 * np.eye(3, dtype=np.uint8)
    np.testing.assert_array_equal(sheet[26 + 25, 12 + 37], colors[0])
    np.testing.assert_array_equal(sheet[26 + 25, 12 + 81 + 25], colors[1])
    np.testing.assert_array_equal(sheet[26 + 56 + 25, 12 + 25], colors[2])
    np.testing.assert_array_equal(sheet[26 + 56 + 25, 12 + 81 + 50], colors[0])
    # Beside the smaller picture of a column the sheet stays white.
    np.testing.assert_array_equal(sheet[26 + 56 + 25, 12 + 70], [255] * 3)
    assert sheet[:26].min() < 255, "the titles are missing"


def test_gray_pictures_and_values_out_of_range_are_drawn():
    sheet = pictures.contact_sheet([("x", [np.full((4, 4, 1), 2.0)])], ["t"], height=4)
    assert sheet[-8, -8].tolist() == [255, 255, 255]


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"rows of 2 pictures.*\[1\]"):
        pictures.contact_sheet([("", [_flat(2, 2, 0)])], ["a", "b"])


def test_saved_picture_is_rgb_and_replaces_the_old_one(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / "ä picture.png"
    path.write_bytes(b"old")
    pictures.save_image(path, image)
    read = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read[..., ::-1], image)
    assert [p.name for p in tmp_path.iterdir()] == ["ä picture.png"]


def test_pictures_of_bytes_and_of_floats_are_drawn_alike():
    image = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    drawn = [
        pictures.contact_sheet([("", [kind])], [""], height=9)
        for kind in (image, image / 255.0)
    ]
    np.testing.assert_array_equal(*drawn)
    np.testing.assert_array_equal(drawn[0][26:35, 12:24], image)


def test_a_title_wider_than_its_pictures_is_not_cut_off():
    title = "a rather long title"
    narrow = _flat(40, 2, 0)
    sheet = pictures.contact_sheet([("", [narrow] * 2)], [title, title], height=40)
    width = text.text_width(title)
    assert sheet.shape[1] == 12 + 2 * (width + 6)
    # Both stand apart and whole: their ink is the same.
    one, other = (sheet[:26, x : x + width] for x in (12, 12 + width + 6))
    np.testing.assert_array_equal(one, other)
    assert one.min() < 100


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3)], ids=str)
def test_every_kind_of_picture_becomes_rgb(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rgb = sheets.as_float_rgb(image)
    assert rgb.shape == (2, 3, 3) and rgb.dtype == np.float32
    for channel in range(3):
        expected = image if image.ndim == 2 else image[..., min(channel, shape[2] - 1)]
        np.testing.assert_allclose(rgb[..., channel], expected / 255, rtol=1e-6)
    np.testing.assert_allclose(sheets.as_float_rgb(image / 255), rgb, rtol=1e-6)


def test_very_wide_pictures_are_made_to_fit():
    wide = np.full((1, 200, 3), 0.2, np.float32)
    sheet = pictures.contact_sheet([("", [wide])], ["wide"], height=50)
    dark = np.argwhere(sheet[26:].max(axis=-1) < 100)
    # Four heights wide, one pixel high, in the upper left.
    assert np.ptp(dark, axis=0).tolist() == [0, 199]
    assert dark[0][0] == 0


def test_groups_stand_side_by_side_and_shorter_ones_end_in_white():
    one, two, three = (_flat(4, 4, color) for color in np.eye(3))
    groups = [[[one, two], [two, three]], [[three, one]]]
    found = pictures.grouped_sheet(groups, ["a", "b"] * 2, height=4)
    blank = _flat(1, 1, 1)
    rows = [("", [one, two, three, one]), ("", [two, three, blank, blank])]
    expected = pictures.contact_sheet(rows, ["a", "b"] * 2, height=4)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match=r"rows of \[\]"):
        pictures.grouped_sheet([[], []], ["a", "b"])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resizing_averages_areas_and_leaves_a_pixel(dtype):
    image = np.arange(4 * 6 * 3).reshape(4, 6, 3).astype(dtype)
    half = pictures.resize(image, 0.5)
    expected = image.astype(float).reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert half.dtype == dtype
    np.testing.assert_allclose(half, expected, atol=0.5 if dtype == np.uint8 else 1e-4)
    np.testing.assert_array_equal(pictures.resize(image, 1), image)
    assert pictures.resize(image, 2).shape == (8, 12, 3)
    assert pictures.resize(image, 0.01).shape == (1, 1, 3)


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "deep" / "er" / "picture.png"
    pictures.save_image(path, np.zeros((2, 2, 3), np.uint8))
    assert path.exists()
