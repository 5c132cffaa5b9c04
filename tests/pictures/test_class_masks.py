"""Colors of classes against VOC's known table, masks pixel by pixel."""

import numpy as np
import pytest

from selfsup.pictures import class_masks

# The 21 classes as VOC's segmentations have them in their palette.
VOC = """
  0 0 0      128 0 0    0 128 0    128 128 0  0 0 128    128 0 128  0 128 128
  128 128 128  64 0 0   192 0 0    64 128 0   192 128 0  64 0 128   192 0 128
  64 128 128 192 128 128  0 64 0   128 64 0   0 192 0    128 192 0  0 64 128
"""


def test_colors_are_those_of_voc():
    expected = np.array(VOC.split(), int).reshape(21, 3)
    colors = class_masks.class_colors()[:21]
    assert colors.dtype == np.uint8
    np.testing.assert_array_equal(colors, expected)


def test_all_256_colors_differ_and_void_is_yellowish():
    colors = class_masks.class_colors()
    assert colors.shape == (256, 3)
    assert len(np.unique(colors, axis=0)) == 256
    assert colors[255].tolist() == [224, 224, 192]


def test_bits_of_a_class_are_shared_among_the_channels():
    # 0b10_011_101: red takes bits 0, 3, 6 (1, 1, 0), green 1, 4, 7 (0, 1, 1),
    # blue 2 and 5 (1, 0).
    color = class_masks.class_colors()[0b10_011_101]
    assert color.tolist() == [0b11000000, 0b01100000, 0b10000000]


@pytest.mark.parametrize("opacity", [0.0, 0.55, 1.0])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)], ids=str)
def test_overlay_mixes_image_and_colors(shape, opacity):
    rng = np.random.default_rng(0)
    image = rng.random(shape, np.float32)
    mask = rng.choice([0, 1, 7, 255], (4, 5))
    laid = class_masks.overlay(image, mask, class_masks.class_colors(), opacity)
    assert laid.dtype == np.float32
    for y, x in np.ndindex(4, 5):
        color = class_masks.class_colors()[mask[y, x]] / 255
        expected = (1 - opacity) * image[y, x] + opacity * color
        np.testing.assert_allclose(laid[y, x], expected, atol=1e-6)


def test_overlay_takes_bytes_and_the_colors_of_a_sheet():
    image = np.full((1, 3), 51, np.uint8)
    colors = class_masks.sheet_colors(["background", "a"])
    colors[1] = 255
    laid = class_masks.overlay(image, np.int64([[0, 1, 255]]), colors, 0.5)
    np.testing.assert_allclose(laid[0, :2], [[0.1] * 3, [0.6] * 3], atol=1e-6)
    void = 0.1 + 0.5 * np.array([224, 224, 192]) / 255
    np.testing.assert_allclose(laid[0, 2], void, atol=1e-6)


def test_overlay_of_another_size_is_refused():
    colors = class_masks.class_colors()
    with pytest.raises(ValueError, match=r"\(4,5,3\) \(5,4,3\)"):
        class_masks.overlay(np.zeros((4, 5, 3)), np.zeros((5, 4), int), colors, 0.5)


def _boxes(picture, colors):
    """Left upper corner of each color's box."""
    corners = []
    for color in colors:
        ys, xs = np.nonzero((picture == color).all(axis=-1))
        assert len(ys) >= 16 * 16, "a box is covered or cut off"
        corners.append((int(ys.min()), int(xs.min())))
    return corners


def test_legend_has_a_box_for_each_name_from_left_to_right():
    colors = class_masks.class_colors()[1:5]
    picture = class_masks.legend(["road", "tree", "car", "sky"], colors, width=400)
    assert picture.shape[1] == 400
    corners = _boxes(picture, colors)
    assert corners == sorted(corners)
    assert len({y for y, _ in corners}) == 1
    # Between a box and the next there is the name's ink.
    for (y, x), (_, end) in zip(corners, [*corners[1:], (0, 400)], strict=True):
        assert picture[y : y + 16, x + 18 : end - 2].min() < 100


def test_legend_breaks_lines_and_grows_for_long_names():
    colors = [[255, 30 * index, 0] for index in range(8)]  # Not gray as ink is.
    names = ["short", "a name that is wider than the picture", *"abcdef"]
    picture = class_masks.legend(names, colors, width=120)
    rows = [y for y, _ in _boxes(picture, colors)]
    assert rows == sorted(rows)
    assert len(set(rows)) >= 3
    assert rows[0] < rows[1] < rows[2], "a long name has a row of its own"
    assert picture.shape[1] > 120
    assert picture.shape[0] % len(set(rows)) == 0
    assert picture[:, -2:].min() == 255, "the long name is cut off"


def test_vocs_own_classes_keep_their_colors_on_sheets():
    names = ["background", *(f"object {i}" for i in range(20))]
    np.testing.assert_array_equal(
        class_masks.sheet_colors(names), class_masks.class_colors()
    )


@pytest.mark.parametrize("count", [2, 11, 21])
@pytest.mark.parametrize("first", ["sky", "background"])
def test_other_classes_have_colors_that_are_far_apart(count, first):
    if (count, first) == (21, "background"):
        count = 20  # VOC's own.
    names = [first, *(f"class {i}" for i in range(1, count))]
    colors = class_masks.sheet_colors(names).astype(int)
    assert colors.shape == (256, 3)
    assert colors[255].tolist() == [224, 224, 192]  # Void, as ever.
    colors = colors[:count]
    assert (colors[0].max() == 0) == (first == "background")
    distances = np.abs(colors[:, None] - colors).max(axis=-1)
    assert distances[~np.eye(count, dtype=bool)].min() >= 24
