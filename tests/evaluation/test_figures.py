"""What stands on the pictures of an evaluation, and where."""

import pathlib
import re

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, evaluation, heads, inference, networks, pictures
from selfsup.evaluation import figures

import fakes

CLASSES = ("background", "cat", "unicorn")

# Colours of the frames: shows the class, does not, difficult.
GREEN, RED, GRAY = (26, 179, 51), (217, 38, 26), (153, 153, 153)

_PHOTOS = sorted(pathlib.Path(data.__file__).parent.glob("photos/*.jpg"))


def _write_images(folder, sizes):
    """Writes images that all differ, without loss; returns their paths."""
    paths = []
    for number, (height, width) in enumerate(sizes):
        photo = cv2.imread(str(_PHOTOS[number]))
        path = folder / f"{number:02d}.png"
        cv2.imwrite(str(path), cv2.resize(photo, (width, height)))
        paths.append(str(path))
    return tuple(paths)


def _segmentation_set(folder, count):
    images = _write_images(folder, [(50, 60)] * count)
    masks = []
    for path in images:
        mask = np.zeros((50, 60), np.uint8)
        mask[10:30, 20:40] = 1
        masks.append(path.replace(".png", "_mask.png"))
        cv2.imwrite(masks[-1], mask)
    names = tuple(pathlib.Path(path).stem for path in images)
    return data.voc.SegmentationSet("folder", "val", CLASSES, names, images, masks)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return _segmentation_set(tmp_path_factory.mktemp("images"), 15)


def _segmenter(color=False):
    x = keras.Input((None, None, 3 if color else 1), name="rgb" if color else "gray")
    y = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    taps = [networks.Tap("conv", 1, 0, 4)]
    model = heads.segmenter(keras.Model(x, y), taps, len(CLASSES), hidden=5)
    return fakes.randomize(model, bias=0.2)


def _read(path):
    """Reads a picture as RGB."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None and picture.shape[2] == 3
    return picture[..., ::-1]


def _find(sheet, picture):
    """Returns the corner (y, x) of a picture on a sheet, None if it is not there."""
    errors = cv2.matchTemplate(
        np.ascontiguousarray(sheet), np.ascontiguousarray(picture), cv2.TM_SQDIFF
    )
    y, x = np.unravel_index(errors.argmin(), errors.shape)
    return (int(y), int(x)) if errors[y, x] <= 2 * picture.size else None


def _order(sheet, samples, height=200):
    """Returns the numbers of the photographs on a sheet, from top to bottom."""
    found = []
    sheet = sheet[:, :400]  # They are in the first column.
    for number in range(len(samples)):
        image = samples.image(number)
        width = round(image.shape[1] * height / image.shape[0])
        place = _find(sheet, cv2.resize(image, (width, height)))
        if place is not None:
            found.append((place[0], number))
    return [number for _, number in sorted(found)]


# Segmentation.


def _results(scores):
    iou = {"background": 0.75, "cat": 0.5, "unicorn": None}
    return {"image_iou": {f"{i:02d}": value for i, value in scores.items()}, "iou": iou}


@pytest.mark.slow
def test_the_worst_the_middling_and_the_best_images_are_shown(
    samples, tmp_path, monkeypatch
):
    labels = []
    draw = pictures.segmentation_sheet
    monkeypatch.setattr(
        pictures,
        "segmentation_sheet",
        lambda rows, names: labels.extend(row[0] for row in rows) or draw(rows, names),
    )
    # All void: number 4. The rest in the order of their scores, by hand:
    order = [9, 0, 13, 7, 2, 11, 5, 14, 1, 8, 3, 12, 10, 6]
    scores = {number: 0.05 * rank for rank, number in enumerate(order)}
    evaluation.segmentation_figures(
        _segmenter(), samples, _results({**scores, 4: None}), tmp_path, stride=4
    )
    # Four of 14 at either end, and four in the middle: ranks 5 to 8.
    expected = {
        "worst": [9, 0, 13, 7],
        "middling": [11, 5, 14, 1],
        "best": [3, 12, 10, 6],
    }
    for kind, numbers in expected.items():
        sheet = _read(tmp_path / f"predictions_{kind}.png")
        assert _order(sheet, samples) == numbers
        # Rows of 200 and margins of 6 under a title of 26, and the legend.
        assert 0 < sheet.shape[0] - (26 + 4 * 206) < 100
    assert not (tmp_path / "predictions.png").exists()
    assert labels[:5] == ["0 %  09", "5 %  00", "10 %  13", "15 %  07", "25 %  11"]


@pytest.mark.slow
@pytest.mark.parametrize("color", [False, True])
def test_few_images_are_shown_all_from_the_worst_on(samples, color, tmp_path):
    model = _segmenter(color)
    scores = {1: 0.9, 3: 0.2, 8: 0.4}
    options = {"stride": 2, "scales": (0.5, 1.0), "flip": True}
    evaluation.segmentation_figures(
        model, samples, _results({**scores, 0: None}), tmp_path, **options
    )
    sheet = _read(tmp_path / "predictions.png")
    assert _order(sheet, samples) == [3, 8, 1]
    # Beside the photographs what the model says, with the options given.
    predict = inference.class_map_predictor(model, **options)
    rows = []
    for number in (3, 8, 1):
        image = samples.image(number)
        classes = predict(data.as_network_input(image, color)).numpy()
        label = f"{round(100 * scores[number])} %  {number:02d}"
        rows.append((label, image, samples.mask(number), classes))
    expected = pictures.segmentation_sheet(rows, CLASSES)
    np.testing.assert_array_equal(sheet, expected)


def test_chart_shows_each_class(samples, tmp_path):
    results = _results({0: 0.5})
    evaluation.segmentation_figures(_segmenter(), samples, results, tmp_path)
    expected = tmp_path / "expected.png"
    pictures.class_table_chart(results["iou"], expected, "IoU")
    _assert_same_chart(tmp_path / "per_class.png", expected)


def _assert_same_chart(path, expected):
    found, expected = (
        cv2.imread(str(file), cv2.IMREAD_COLOR) for file in (path, expected)
    )
    assert found.shape[2] == 3 and found.std() > 10
    np.testing.assert_array_equal(found, expected)


def test_rows_without_labels_have_the_names_of_the_images(samples):
    def predict(image):
        return tf.ones(tf.shape(image)[:2], tf.uint8)

    sheet = evaluation.prediction_sheet(predict, samples, [5, 2])
    rows = [
        (f"{i:02d}", samples.image(i), samples.mask(i), np.ones((50, 60), np.uint8))
        for i in (5, 2)
    ]
    np.testing.assert_array_equal(sheet, pictures.segmentation_sheet(rows, CLASSES))
    assert _order(sheet, samples) == [5, 2]


# Classification.


SIDE = 110  # The height of the sheet's pictures, so that pixels are copied.


def _classification_set(folder, labels, sizes=None):
    sources = _write_images(folder, sizes or [(SIDE, SIDE)] * len(labels))
    names = tuple(pathlib.Path(path).stem for path in sources)
    return data.voc.ClassificationSet(
        split="test",
        classes=CLASSES[1:],
        names=names,
        labels=np.uint8(labels),
        sources=sources,
    )


def _draw(samples, scores, folder):
    results = {"ap_area": {"cat": 0.25, "unicorn": None}}
    evaluation.classification_figures(samples, np.float32(scores), results, folder)
    return _read(folder / "rankings.png")


def _row(sheet, index):
    start = 26 + index * (SIDE + 6)
    return sheet[start : start + SIDE]


def _framed(row, samples):
    """Returns pairs of number and frame's color, from left to right."""
    found = []
    for number in range(len(samples)):
        # A frame is at most a twentieth of the picture.
        place = _find(row, samples.image(number)[6:-6, 6:-6])
        if place is None:
            continue
        y, x = (corner - 6 for corner in place)
        cell = row[y : y + SIDE, x : x + SIDE].astype(int)
        edges = np.concatenate([cell[0], cell[-1], cell[:, 0], cell[:, -1]])
        assert np.ptp(edges, axis=0).max() == 0
        found.append((x, number, tuple(edges[0])))
    return [(number, color) for _, number, color in sorted(found)]


def _near(colors):
    return [(number, pytest.approx(color, abs=1)) for number, color in colors]


def test_rankings_go_down_and_frames_tell_right_from_wrong(tmp_path):
    labels = [[1, 0], [0, 0], [255, 0], [1, 255], [0, 1], [1, 0], [0, 0], [255, 1]]
    samples = _classification_set(tmp_path, labels)
    scores = np.array(
        [
            [0.1, 0.9, 0.8, 0.2, -0.5, 0.7, -2.0, 0.3],
            [-3.0, -1.0, -4.0, -1.5, -9.0, -2.0, -5.0, -1.0],
        ]
    ).T
    sheet = _draw(samples, scores, tmp_path)
    cats = [(1, RED), (2, GRAY), (5, GREEN), (7, GRAY), (3, GREEN), (0, GREEN)]
    assert _framed(_row(sheet, 0), samples) == _near(cats)
    # Equal scores in the order of the images.
    unicorns = [(1, RED), (7, GREEN), (3, GRAY), (5, RED), (0, RED), (2, RED)]
    assert _framed(_row(sheet, 1), samples) == _near(unicorns)
    assert sheet.shape[0] == 26 + 2 * (SIDE + 6)


def test_few_images_make_short_rows(tmp_path):
    samples = _classification_set(tmp_path, [[1, 0], [0, 1]])
    sheet = _draw(samples, [[2, 5], [3, 4]], tmp_path)
    assert _framed(_row(sheet, 0), samples) == _near([(1, RED), (0, GREEN)])
    assert _framed(_row(sheet, 1), samples) == _near([(0, RED), (1, GREEN)])


def test_images_smaller_than_a_frame_are_all_frame(tmp_path):
    samples = _classification_set(tmp_path, [[1, 0], [0, 1]], [(1, 1), (3, 4)])
    sheet = _draw(samples, [[2, 5], [1, 4]], tmp_path).reshape(-1, 3).astype(int)
    for color in (GREEN, RED):
        shown = (np.abs(sheet - color).max(axis=-1) <= 1).sum()
        # A square and one of 4 : 3, each once right and once wrong.
        assert shown == SIDE * (SIDE + round(SIDE * 4 / 3))


def test_chart_shows_the_average_precision_of_each_class(tmp_path):
    samples = _classification_set(tmp_path, [[1, 0], [0, 1]])
    _draw(samples, [[2, 5], [3, 4]], tmp_path)
    expected = tmp_path / "expected.png"
    by_class = {"cat": 0.25, "unicorn": None}
    pictures.class_table_chart(by_class, expected, "Average precision (area)")
    _assert_same_chart(tmp_path / "per_class.png", expected)


# Colorization.


def test_sheet_holds_images_of_both_groups(photos):
    image = data.load_image(photos / "coffee.jpg") / np.float32(255)
    sheet = figures.colorization_sheet(
        fakes.always(1, 9), {"training": [image], "held out": [image]}, short_side=16
    )
    # Gray, predicted and true, 240 wide, beside the titles; twice below each other.
    left = sheet.shape[1] - 3 * 246
    assert sheet.shape[0] == 26 + 2 * 166 and left > 12
    rows = [sheet[y : y + 160].astype(int) for y in (26, 26 + 166)]
    cells = [[row[:, left + x : left + x + 240] for x in (0, 246, 492)] for row in rows]
    np.testing.assert_array_equal(cells[0], cells[1])
    colorful = [np.ptp(cell, axis=-1).mean() for cell in cells[0]]
    assert colorful[0] == 0 and colorful[1] > 20 and colorful[2] > 20


def test_two_images_share_a_row_and_an_odd_one_leaves_half_of_it_white():
    image = np.zeros((4, 4, 3), np.float32)
    sheet = figures.colorization_sheet(
        fakes.always(1, 9), {"a": [image] * 4, "b": [image] * 3}
    )
    assert sheet.shape[0] == 26 + 4 * 166
    true = [sheet[26 + 166 * row + 80, -80].tolist() for row in range(4)]
    assert true == [[0, 0, 0]] * 3 + [[255, 255, 255]]


def test_no_images_are_an_error():
    with pytest.raises(ValueError, match="contact sheet needs rows"):
        figures.colorization_sheet(fakes.always(1, 9), {"a": []})


def _write_color(path, color):
    image = np.broadcast_to(np.uint8(color), (8, 8, 3))
    path.write_bytes(tf.io.encode_png(image).numpy())


def test_the_most_colorful_of_each_scene_are_chosen(tmp_path):
    chroma = {"a-1": 200, "a-2": 190, "b": 90, "c": 10, "d": 150}
    for name, value in chroma.items():
        _write_color(tmp_path / f"{name}.png", (value, 0, 0))
    images = data.open_images([str(tmp_path)])

    def shown(count):
        chosen = figures.choose_images(images, count)
        return [round(float(image.max()) * 255) for image in chosen]

    assert shown(2) == [200, 150]
    assert shown(3) == [200, 90, 150]
    # The second of a scene comes after the dullest first one.
    assert shown(4) == [200, 90, 10, 150]
    assert shown(9) == list(chroma.values())


def test_an_embedded_photograph_and_its_windows_are_shown_once():
    images = data.open_images(val_fraction=0.1, subset="val")
    names = [images.name(index) for index in range(len(images))]
    wholes = {re.split(r"-left|-right|\.jpg", name)[0] for name in names}
    assert len(figures.choose_images(images)) == len(wholes) < len(names)


def test_unreadable_images_are_left_out_and_large_ones_shrunk(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    large = np.zeros((641, 1000, 3), np.uint8)
    large[:, 500:] = (200, 0, 0)
    (tmp_path / "b.png").write_bytes(tf.io.encode_png(large).numpy())
    (image,) = figures.choose_images(data.open_images([str(tmp_path)]))
    assert image.shape == (320, 499, 3)
    assert image[100, 400, 0] == pytest.approx(200 / 255)
