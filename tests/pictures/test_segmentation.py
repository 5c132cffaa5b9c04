"""Sheets of segmentations show the masks, the errors and the classes."""

import numpy as np
import pytest

from selfsup import pictures
from selfsup.pictures import class_masks

NAMES = ["sky", "road", "car", "tree"]
HEADER, GUTTER, MARGIN = 26, 12, 6


def _row(side=40, label=""):
    """Left half sky, right half road; the lower half is predicted as a car."""
    image = np.full((side, side, 3), 100, np.uint8)
    truth = np.zeros((side, side), np.uint8)
    truth[:, side // 2 :] = 1
    prediction = truth.astype(np.int64)
    prediction[side // 2 :] = 2
    truth[: side // 4] = 255
    return label, image, truth, prediction


def _cells(sheet, count, side=80):
    """The pictures of the first row; titles may make columns wider."""
    found, x = [], GUTTER
    line = sheet[HEADER : HEADER + side]
    for _ in range(count):
        found.append(line[:, x : x + side].astype(int))
        x += side + MARGIN
    return found


def _shown(picture, color):
    return int((np.abs(picture.astype(int) - color).max(axis=-1) <= 1).sum())


def test_columns_show_masks_and_errors():
    sheet = pictures.segmentation_sheet([_row()], NAMES, height=80, opacity=1.0)
    photo, truth, predicted, _ = _cells(sheet, 4)
    quarter = 80 * 80 // 4
    assert _shown(photo, [100] * 3) == 80 * 80
    black, red, green, _ = class_masks.sheet_colors(NAMES)[:4]
    void = class_masks.class_colors()[255]
    # Sizes but for the blend at the edges of an enlarged picture.
    assert _shown(truth, void) == pytest.approx(quarter, rel=0.1)
    assert _shown(truth, black) == pytest.approx(1.5 * quarter, rel=0.1)
    assert _shown(truth, red) == pytest.approx(1.5 * quarter, rel=0.1)
    assert _shown(predicted, black) == pytest.approx(quarter, rel=0.1)
    assert _shown(predicted, red) == pytest.approx(quarter, rel=0.1)
    assert _shown(predicted, green) == pytest.approx(2 * quarter, rel=0.1)


def test_errors_are_red_and_void_is_gray():
    label, image, truth, prediction = _row(side=80)
    prediction[:10] = 3  # Wrong, but void.
    sheet = pictures.segmentation_sheet(
        [(label, image, truth, prediction)], NAMES, height=80
    )
    # The last column; its title is a little wider than its picture.
    start = GUTTER + 3 * (80 + MARGIN)
    errors = sheet[HEADER : HEADER + 80, start : start + 80].astype(int)
    assert (errors[:20] == 128).all()
    assert (errors[40:] == [255, 0, 0]).all()
    # Right pixels: the photograph, 100 / 255, four fifths of the way to white.
    np.testing.assert_allclose(errors[20:40], 224, atol=1)


def test_mask_is_laid_over_the_gray_photograph():
    label, image, truth, prediction = _row()
    image[:] = (10, 100, 190)
    sheet = pictures.segmentation_sheet(
        [(label, image, truth, prediction)], NAMES, height=80, opacity=0.75
    )
    # Gray is 100, lifted by 0.3 of what it lacks to 255: a quarter of that and three
    # quarters of the class's color.
    _, truth_cell, _, _ = _cells(sheet, 4)
    expected = (0.3 * 255 + 0.7 * 100) / 4 + 0.75 * class_masks.sheet_colors(NAMES)[1]
    np.testing.assert_allclose(truth_cell[60, 70], expected, atol=1)


def _legend_part(sheet, rows=1, height=80):
    return sheet[HEADER + rows * (height + MARGIN) :]


def test_legend_holds_the_classes_that_occur_only():
    sheet = pictures.segmentation_sheet([_row()], NAMES, height=80)
    colors = [*class_masks.sheet_colors(NAMES)[:3], class_masks.class_colors()[255]]
    expected = class_masks.legend([*NAMES[:3], "void"], colors, sheet.shape[1])
    np.testing.assert_array_equal(_legend_part(sheet), expected)


def test_a_legend_wider_than_the_sheet_is_not_cut_off():
    names = ["a class that has a name much longer than most others have", *NAMES[1:]]
    label, image, _, prediction = _row()
    sheet = pictures.segmentation_sheet([(label, image, None, prediction)], names, 20)
    expected = class_masks.legend(names[:3], class_masks.sheet_colors(names)[:3], 1)
    assert sheet.shape[1] == expected.shape[1]
    np.testing.assert_array_equal(_legend_part(sheet, height=20)[:26], expected[:26])


def test_without_truth_there_are_no_errors_to_show():
    label, image, truth, prediction = _row()
    without = (label, image, None, prediction)
    sheet = pictures.segmentation_sheet([without], NAMES, height=80)
    assert sheet.shape[1] == GUTTER + 2 * (80 + MARGIN)
    both = pictures.segmentation_sheet([_row(), without], NAMES, height=80)
    second = both[HEADER + 80 + MARGIN :][:80]
    truth, errors = (
        second[:, GUTTER + column * (80 + MARGIN) :][:, :80] for column in (1, 3)
    )
    assert truth.min() == 255 and errors.min() == 255


def test_masks_of_another_size_and_no_rows_are_refused():
    label, image, truth, prediction = _row()
    with pytest.raises(ValueError, match=r"\(40,40,3\) \(39,40,3\)"):
        pictures.segmentation_sheet([(label, image, truth[1:], prediction)], NAMES)
    with pytest.raises(ValueError, match=r"rows of \[\]"):
        pictures.segmentation_sheet([], NAMES)


def test_real_photographs_are_drawn(test_data):
    import cv2

    folder = test_data / "camvid"
    names = (folder / "classes.txt").read_text().split()
    path = min((folder / "SegmentationClass").glob("*.png"))
    truth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    image = cv2.imread(str(folder / "JPEGImages" / f"{path.stem}.jpg"))[..., ::-1]
    prediction = np.where(truth == 255, 0, truth)
    sheet = pictures.segmentation_sheet([(path.stem, image, truth, prediction)], names)
    # All right: not a red pixel in the last column.
    assert _shown(sheet[HEADER : HEADER + 200], [255, 0, 0]) == 0
    prediction = (prediction + 1) % len(names)
    sheet = pictures.segmentation_sheet([(path.stem, image, truth, prediction)], names)
    share = np.mean(truth != 255)
    width = round(200 * image.shape[1] / image.shape[0])
    red = _shown(sheet[HEADER : HEADER + 200], [255, 0, 0])
    assert red == pytest.approx(share * 200 * width, rel=0.05)
