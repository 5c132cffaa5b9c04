"""Contact sheets show the colourful, the readable, and all that was asked for."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import data
from selfsup.evaluation import sheets

import fakes


def test_sheet_holds_images_of_both_groups(photos):
    image = data.load_image(photos / "coffee.jpg") / np.float32(255)
    sheet = sheets.colorization_sheet(
        fakes.always(1, 9), {"training": [image], "held out": [image]}, side=16
    )
    # Twice gray, predicted and true, 240 wide; the true picture is in both halves.
    assert sheet.shape[:2] == (26 + 166, 12 + 6 * 246)
    columns = [sheet[26:186, x : x + 240].astype(int) for x in range(12, 1488, 246)]
    np.testing.assert_array_equal(columns[2], columns[5])
    colourful = [np.ptp(column, axis=-1).mean() for column in columns]
    assert colourful[0] == 0 and colourful[1] > 20 and colourful[2] > 20


def test_a_shorter_group_leaves_its_cells_white():
    image = np.zeros((4, 4, 3), np.float32)
    sheet = sheets.colorization_sheet(
        fakes.always(1, 9), {"a": [image, image], "b": [image]}
    )
    assert sheet[26 + 166 + 80, -80].tolist() == [255, 255, 255]


def test_no_images_are_an_error():
    with pytest.raises(ValueError, match="contact sheet needs rows"):
        sheets.colorization_sheet(fakes.always(1, 9), {"a": []})


def _write(path, color):
    image = np.broadcast_to(np.uint8(color), (8, 8, 3))
    path.write_bytes(tf.io.encode_png(image).numpy())


def test_the_most_colourful_of_each_scene_are_chosen(tmp_path):
    chroma = {"a-1": 200, "a-2": 190, "b": 90, "c": 10, "d": 150}
    for name, value in chroma.items():
        _write(tmp_path / f"{name}.png", (value, 0, 0))
    images = data.open_images([str(tmp_path)])

    def shown(count):
        chosen = sheets.choose_images(images, count)
        return [round(float(image.max()) * 255) for image in chosen]

    assert shown(2) == [200, 150]
    assert shown(3) == [200, 90, 150]
    # The second of a scene comes after the dullest first one.
    assert shown(4) == [200, 90, 10, 150]
    assert shown(9) == list(chroma.values())


def test_unreadable_images_are_left_out_and_large_ones_shrunk(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    large = np.zeros((641, 1000, 3), np.uint8)
    large[:, 500:] = (200, 0, 0)
    (tmp_path / "b.png").write_bytes(tf.io.encode_png(large).numpy())
    (image,) = sheets.choose_images(data.open_images([str(tmp_path)]))
    assert image.shape == (320, 499, 3)
    assert image[100, 400, 0] == pytest.approx(200 / 255)
