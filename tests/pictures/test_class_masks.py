"""Colours of classes against VOC's known table, masks pixel by pixel."""

import numpy as np
import pytest

from selfsup import pictures

# The 21 classes as VOC's segmentations have them in their palette.
VOC = """
  0 0 0      128 0 0    0 128 0    128 128 0  0 0 128    128 0 128  0 128 128
  128 128 128  64 0 0   192 0 0    64 128 0   192 128 0  64 0 128   192 0 128
  64 128 128 192 128 128  0 64 0   128 64 0   0 192 0    128 192 0  0 64 128
"""


def test_colors_are_those_of_voc():
    expected = np.array(VOC.split(), int).reshape(21, 3)
    colors = pictures.class_colors(21)
    assert colors.dtype == np.uint8
    np.testing.assert_array_equal(colors, expected)


def test_all_256_colors_differ_and_void_is_yellowish():
    colors = pictures.class_colors(256)
    assert len(np.unique(colors, axis=0)) == 256
    assert colors[255].tolist() == [224, 224, 192]
    np.testing.assert_array_equal(colors[:21], pictures.class_colors(21))


def test_bits_of_a_class_are_shared_among_the_channels():
    # 0b10_011_101: red takes bits 0, 3, 6 (1, 1, 0), green 1, 4, 7 (0, 1, 1),
    # blue 2 and 5 (1, 0).
    color = pictures.class_colors(256)[0b10_011_101]
    assert color.tolist() == [0b11000000, 0b01100000, 0b10000000]


@pytest.mark.parametrize("count", [-1, 257])
def test_other_numbers_of_classes_are_refused(count):
    with pytest.raises(ValueError, match=f"num_classes={count}"):
        pictures.class_colors(count)


def test_mask_is_painted_pixel_by_pixel():
    painted = pictures.color_mask(np.int64([[0, 1, 255]]))
    assert painted.dtype == np.uint8
    assert painted.tolist() == [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]
    own = np.uint8([[1, 2, 3], [4, 5, 6]])
    painted = pictures.color_mask(np.uint8([[1], [255], [0]]), own)
    assert painted.tolist() == [[[4, 5, 6]], [[224, 224, 192]], [[1, 2, 3]]]


def test_masks_that_cannot_be_painted_are_refused():
    colors = pictures.class_colors(2)
    with pytest.raises(ValueError, match=r"Expected 0 to 1 or 255.*Received: 2"):
        pictures.color_mask(np.uint8([[0, 2]]), colors)
    with pytest.raises(ValueError, match="Received: -1"):
        pictures.color_mask(np.int8([[0, -1]]), colors)
    with pytest.raises(ValueError, match=r"\[H, W\]. Received: \(1, 2, 1\)"):
        pictures.color_mask(np.zeros((1, 2, 1), int))
    with pytest.raises(TypeError, match="integer classes.*float32"):
        pictures.color_mask(np.zeros((1, 2), np.float32))


@pytest.mark.parametrize("opacity", [0.0, 0.55, 1.0])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)], ids=str)
def test_overlay_mixes_image_and_colors(shape, opacity):
    rng = np.random.default_rng(0)
    image = rng.random(shape, np.float32)
    mask = rng.choice([0, 1, 7, 255], (4, 5))
    laid = pictures.overlay(image, mask, opacity)
    assert laid.dtype == np.float32
    for y, x in np.ndindex(4, 5):
        color = pictures.class_colors(256)[mask[y, x]] / 255
        expected = (1 - opacity) * image[y, x] + opacity * color
        np.testing.assert_allclose(laid[y, x], expected, atol=1e-6)


def test_overlay_takes_bytes_and_other_colors():
    image = np.full((1, 2), 51, np.uint8)
    laid = pictures.overlay(
        image, np.int64([[0, 1]]), 0.5, np.uint8([[0] * 3, [255] * 3])
    )
    np.testing.assert_allclose(laid[0], [[0.1] * 3, [0.6] * 3], atol=1e-6)


def test_overlay_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"size of its image, \(4, 5\).*\(5, 4\)"):
        pictures.overlay(np.zeros((4, 5, 3)), np.zeros((5, 4), int))


def _boxes(picture, colors):
    """Left upper corner of each colour's box."""
    corners = []
    for color in colors:
        ys, xs = np.nonzero((picture == color).all(axis=-1))
        assert len(ys) >= 16 * 16, "a box is covered or cut off"
        corners.append((int(ys.min()), int(xs.min())))
    return corners


def test_legend_has_a_box_for_each_name_from_left_to_right():
    colors = pictures.class_colors(5)[1:]
    picture = pictures.legend(["road", "tree", "car", "sky"], colors, width=400)
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
    picture = pictures.legend(names, colors, width=120)
    rows = [y for y, _ in _boxes(picture, colors)]
    assert rows == sorted(rows)
    assert len(set(rows)) >= 3
    assert rows[0] < rows[1] < rows[2], "a long name has a row of its own"
    assert picture.shape[1] > 120
    assert picture.shape[0] % len(set(rows)) == 0
    assert picture[:, -2:].min() == 255, "the long name is cut off"


def test_legend_of_another_number_of_colors_is_refused():
    with pytest.raises(ValueError, match="legend of 1 names.*Received: 2 colours"):
        pictures.legend(["a"], pictures.class_colors(2))


def test_vocs_own_classes_keep_their_colours_on_sheets():
    names = ["background", *(f"object {i}" for i in range(20))]
    np.testing.assert_array_equal(
        pictures.sheet_colors(names), pictures.class_colors(21)
    )


@pytest.mark.parametrize("count", [2, 11, 21])
@pytest.mark.parametrize("first", ["sky", "background"])
def test_other_classes_have_colours_that_are_far_apart(count, first):
    names = [first, *(f"class {i}" for i in range(1, count))]
    colors = pictures.sheet_colors(names).astype(int)
    assert colors.shape == (count, 3)
    assert (colors[0].max() == 0) == (first == "background")
    distances = np.abs(colors[:, None] - colors).max(axis=-1)
    assert distances[~np.eye(count, dtype=bool)].min() >= 24


def test_no_classes_have_no_colours():
    assert pictures.sheet_colors([]).shape == (0, 3)
