"""Pictures hold what they were given, where they were given it."""

import csv

import cv2
import numpy as np
import pytest

from selfsup import pictures


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


def test_curves_draw_a_panel_for_each_loss(tmp_path):
    log = tmp_path / "log.csv"
    with log.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "hue", "loss", "step", "val_hue"])
        writer.writerows([[0, 1.0, 2.0, 10, "nan"], [1, 0.5, 1.5, 20, 0.75]])
    pictures.curves(log, tmp_path / "curves.png", {"hue": 0.9})
    one = cv2.imread(str(tmp_path / "curves.png"))
    # Two panels, hue and loss; val_hue shares hue's.
    assert one.shape[1] == pytest.approx(2 * 4 * 110, abs=2)
    pictures.curves(log, tmp_path / "bare.png")
    assert np.any(one != cv2.imread(str(tmp_path / "bare.png"))), "no baseline drawn"
