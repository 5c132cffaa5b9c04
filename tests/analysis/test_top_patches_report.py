"""Patches are cut where they are said to be, and features are described."""

import cv2
import numpy as np
import pytest

from selfsup.analysis import top_patches_report

SIZE = 20


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 250, (SIZE, SIZE, 3), np.uint8)


def test_a_patch_inside_is_the_pixels_around_its_center(image):
    patch = top_patches_report.patch_of(image, (9.0, 6.0), 5)
    np.testing.assert_array_equal(patch, image[7:12, 4:9])
    # Of even size, around the middle between two pixels.
    patch = top_patches_report.patch_of(image, (7.5, 3.5), 4)
    np.testing.assert_array_equal(patch, image[6:10, 2:6])


@pytest.mark.parametrize("center", [(0.0, 19.0), (19.0, 1.0), (-2.0, 30.0)])
def test_what_lies_outside_is_white(image, center):
    patch = top_patches_report.patch_of(image, center, 9)
    y, x = (int(place) + np.arange(-4, 5) for place in center)
    padded = np.full((3 * SIZE, 3 * SIZE, 3), 255, np.uint8)
    padded[SIZE : 2 * SIZE, SIZE : 2 * SIZE] = image
    np.testing.assert_array_equal(patch, padded[SIZE + y][:, SIZE + x])


def _found(**changes):
    patches = [
        [{"image": i, "center": [9.0, 9.0], "response": 1.0} for i in (3, 5)]
        for _ in "ab"
    ]
    found = {
        "color": [0.25, 0.5, 0.75],
        "semantic": [0.0, 0.1, 0.2],
        "class": [0, 1, 1],
        "of_class": [1, 2, 2],
        "responds": [True, False, True],
        "patches": patches,
    }
    return {**found, **changes}


def _results(names):
    networks = {name: _found() for name in names}
    layer = {"receptive_field": 40, "patch_side": 10, "features": [2, 0]}
    return {
        "images": 6,
        "crop_size": SIZE,
        "layers": {"r": layer | {"networks": networks}},
    }


def test_a_sheet_has_a_row_of_each_feature_and_network(tmp_path):
    cut = {3: np.full((SIZE, SIZE, 3), (200, 0, 0), np.uint8)}
    cut[5] = np.full((SIZE, SIZE, 3), (0, 0, 200), np.uint8)
    classes = ("ant", "bee")
    drawn = top_patches_report.draw("t", _results("xy"), classes, cut, tmp_path)
    assert list(drawn) == ["t_consistency.png", "t_r.png"]
    sheet = cv2.imread(str(tmp_path / "t_r.png"))[..., ::-1].astype(int)
    for color in ((200, 0, 0), (0, 0, 200)):
        pixels = (np.abs(sheet - color).max(axis=-1) < 3).sum()
        # Four patches within their frames.
        assert pixels == 4 * 94 * 94


def test_what_does_not_respond_is_blank(tmp_path):
    cut = dict.fromkeys((3, 5), np.zeros((SIZE, SIZE, 3), np.uint8))
    results = _results("x")
    found = results["layers"]["r"]["networks"]["x"]
    found["responds"][2] = False
    for patch in found["patches"][0]:
        patch["response"] = 0.0
    top_patches_report.draw("t", results, ("all",), cut, tmp_path)
    sheet = cv2.imread(str(tmp_path / "t_r.png"))
    assert (sheet.max(axis=-1) == 0).sum() == pytest.approx(2 * 94 * 94, rel=0.01)
    section = top_patches_report.section(_Config, results, _Samples, {})
    assert section["tables"][1]["rows"][0] == [2, "x", None, None, None, None]


class _Samples:
    classes, folder = ("ant", "bee"), "here"


class _Config:
    border, after = False, ()


def test_tables_hold_the_scores():
    section = top_patches_report.section(_Config, _results("x"), _Samples, {})
    medians, features = section["tables"]
    # Without the silent one.
    assert medians["rows"] == [["r", "x", 40, 3, 1, 0.5, 0.1]]
    assert features["rows"] == [
        [2, "x", 0.75, 0.2, "bee", 2],
        [0, "x", 0.25, 0.0, "ant", 1],
    ]
