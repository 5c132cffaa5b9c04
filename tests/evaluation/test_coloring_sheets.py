"""Sheets show every result once, a hundred a page, whichever call made it."""

import numpy as np
import PIL.Image
import pytest

from selfsup import pictures
from selfsup.evaluation import coloring_sheets
from selfsup.evaluation.coloring_record import Record
from selfsup.evaluation.coloring_sheets import Sheets


@pytest.fixture(scope="module")
def picture(photos):
    return PIL.Image.open(photos / "coffee.jpg").resize((60, 40))


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A record of seven results, of another color each; three fit on a page."""
    monkeypatch.setattr(coloring_sheets, "_SHOWN", 3)
    record = Record(tmp_path)
    record.begin({"model": "m"})
    for number in range(7):
        image = np.full((8, 8, 3), (30 * number, 100, 200 - 20 * number), np.uint8)
        pictures.save_image(tmp_path / f"{number}.bmp", image)
        encoded = pictures.encode_image("x.png", image)
        record.add_result(f"{number}.png", tmp_path / f"{number}.bmp", encoded)
        pictures.save_encoded(tmp_path / f"{number}.png", encoded)
    return record


def _draw(record, names):
    sheets = Sheets(record)
    for name in names:
        sheets.add(name)
    sheets.close()
    return [path.name for path in sheets.paths]


def test_pages_follow_the_first_and_are_not_drawn_twice(record, monkeypatch):
    drawn = []
    sheet = coloring_sheets.sheet
    monkeypatch.setattr(
        coloring_sheets,
        "sheet",
        lambda p, names: drawn.append(names) or sheet(p, names),
    )
    names = list(record.results)
    pages = ["sheet.png", "sheet-2.png", "sheet-3.png"]
    assert _draw(record, names) == pages
    # The names of the images.
    assert drawn == [
        ["0.bmp", "1.bmp", "2.bmp"],
        ["3.bmp", "4.bmp", "5.bmp"],
        ["6.bmp"],
    ]
    assert _draw(Record(record.folder), names) == pages
    assert len(drawn) == 3
    # One less: the second page is another, and the third is no more.
    assert _draw(Record(record.folder), [*names[:4], *names[5:6]]) == pages[:2]
    assert drawn[3:] == [["3.bmp", "5.bmp"]]
    assert not (record.folder / "sheet-3.png").exists()
    assert all(coloring_sheets.PAGES.fullmatch(page) for page in pages)


def test_a_page_that_a_kill_left_half_noted_is_drawn_again(record):
    names = list(record.results)[:2]
    _draw(record, names)
    expected = (record.folder / "sheet.png").read_bytes()
    (record.folder / "sheet.png").write_bytes(b"old")
    record.add_sheet("sheet.png", None)
    _draw(Record(record.folder), names)
    assert (record.folder / "sheet.png").read_bytes() == expected


def test_a_result_without_its_image_is_shown_with_its_gray(record):
    (record.folder / "0.bmp").unlink()
    image, colored = Sheets(record)._read("0.png")
    assert np.ptp(image, axis=-1).max() == 0
    assert abs(image.mean() - colored.mean()) < 1


def test_sheet_of_many_images_is_bounded(picture):
    small = np.asarray(picture.resize((30, 20)))
    wide = np.zeros((2, 320, 3), np.uint8)
    one = coloring_sheets.sheet([(small, small)], ["a"])
    pairs = [(small, small)] * 99 + [(wide, small)]
    sheet = coloring_sheets.sheet(pairs, ["x" * 255] * 100)
    assert sheet.shape[0] < 20.1 * one.shape[0]
    assert sheet.shape[1] < 5.5 * one.shape[1]


def test_names_are_written_under_the_pictures(picture):
    white = np.full((160, 200, 3), 255, np.uint8)
    without, name, other = (
        coloring_sheets.sheet([(white, white)], [text])
        for text in ("", "a.jpg", "b.jpg")
    )
    assert (without[26 + 160 :] == 255).all()
    assert (name[26 + 160 :] < 128).any() and (name != other).any()


def test_tinted_prints_are_not_color_images(picture):
    gray = np.asarray(picture.convert("L").convert("RGB"))
    tinted = np.clip(gray.astype(int) + [9, 0, -9], 0, 255).astype(np.uint8)
    assert not coloring_sheets.is_colorful(gray)
    assert not coloring_sheets.is_colorful(tinted)
    assert coloring_sheets.is_colorful(np.asarray(picture))
