"""Files of every kind are colored, bad ones named, nothing replaced unasked."""

import os

import cv2
import keras
import numpy as np
import PIL.Image
import pytest

from selfsup import data, heads, inference, networks
from selfsup.evaluation import colored_files
from selfsup.evaluation.colored_files import ColorizeConfig, result_paths

import fakes


@pytest.fixture(scope="module")
def model():
    gray = keras.Input((None, None, 1), name="gray")
    maps = keras.layers.Conv2D(4, 3, padding="same", name="conv")(gray)
    taps = [networks.Tap("conv", 1, 0, 4)]
    return fakes.randomize(
        heads.colorizer(keras.Model(gray, maps), taps, 8, hidden=8), bias=0.3
    )


@pytest.fixture
def quick(monkeypatch):
    """Spares the compilation of the network: one color for all pixels."""
    monkeypatch.setattr(inference, "dense_predictor", lambda model: fakes.always(2, 20))


@pytest.fixture(scope="module")
def picture(photos):
    return PIL.Image.open(photos / "coffee.jpg").resize((60, 40))


def _read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]


def _color(model, inputs, output, side=20, **settings):
    config = ColorizeConfig(side=side, **settings)
    return colored_files.color_files(model, inputs, output, config)


def _save_all_kinds(picture, folder):
    """Writes an image in every kind of file; returns their names."""
    exif = PIL.Image.Exif()
    exif[0x112] = 6
    picture.save(folder / "rgb.jpg", quality=97)
    picture.save(folder / "turned.jpg", quality=97, exif=exif)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("L").save(folder / "gray.jpg", quality=97)
    picture.convert("L").save(folder / "gray.webp")
    picture.convert("P").save(folder / "palette.png")
    picture.convert("1").save(folder / "bits.png")
    translucent = picture.convert("RGBA")
    translucent.putalpha(picture.convert("L"))
    translucent.save(folder / "alpha.png")
    picture.save(folder / "bmp.bmp")
    picture.save(folder / "tiff.tif")
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    cv2.imwrite(str(folder / "deep.png"), deep)
    cv2.imwrite(str(folder / "deep.tiff"), deep)
    return sorted(os.listdir(folder))


@pytest.mark.usefixtures("quick")
def test_every_kind_of_file_keeps_its_gray(model, picture, tmp_path):
    names = _save_all_kinds(picture, tmp_path)
    written = _color(model, [tmp_path], tmp_path / "out", saturation=3.0)
    assert len(written) == len(names) + 1
    expected = {"rgb": picture.convert("RGB"), "bmp": picture, "tiff": picture}
    expected["turned"] = picture.transpose(PIL.Image.Transpose.ROTATE_270)
    for name in ("gray", "deep"):
        expected[name] = picture.convert("L").convert("RGB")
    for path, name in zip(written, names, strict=False):
        colored = _read(path).astype(float)
        gray = np.asarray(data.load_image(tmp_path / name), float).mean(-1)
        assert np.abs(colored.mean(-1) - gray).max() <= 1, name
        # Black and white have no room for color.
        assert (np.ptp(colored, axis=-1).mean() > 2) == (name != "bits.png"), name
        stem = name.split(".")[0]
        if stem in expected:
            # By another reader, and before compression.
            other = np.asarray(expected[stem], float).mean(-1)
            assert colored.shape[:2] == other.shape
            assert np.abs(colored.mean(-1) - other).mean() < 3, name


def test_results_are_those_of_the_library(model, photos, tmp_path):
    image = data.load_image(photos / "coffee.jpg")
    (path,) = _color(
        model,
        [photos / "coffee.jpg"],
        tmp_path,
        32,
        sheet=False,
        saturation=2.0,
        hue_mode="mode",
        chroma_mode="expectation",
    )
    predict = inference.dense_predictor(model)
    expected = inference.color_photograph(
        predict, image, 32, "mode", "expectation", 2.0
    )
    np.testing.assert_array_equal(_read(path), expected)
    assert os.listdir(tmp_path) == ["coffee.png"]


@pytest.mark.parametrize(
    "given, trained, seen", [(None, None, 256), (None, 31, 31), (17, 31, 17)]
)
def test_the_network_sees_the_side_it_was_trained_at(
    model, picture, tmp_path, monkeypatch, given, trained, seen
):
    shapes = []

    def predict(gray):
        shapes.append(gray.shape)
        return fakes.always(1, 2)(gray)

    monkeypatch.setattr(inference, "dense_predictor", lambda model: predict)
    picture.resize((100, 50)).save(tmp_path / "a.png")
    config = ColorizeConfig(side=given)
    colored_files.color_files(
        model, [tmp_path / "a.png"], tmp_path / "out", config, trained
    )
    margin = min(16, seen // 8)
    assert shapes == [(1, seen + 2 * margin, 2 * seen + 2 * margin, 1)]


@pytest.mark.usefixtures("quick")
def test_unreadable_images_are_named_when_the_rest_is_done(model, picture, tmp_path):
    picture.save(tmp_path / "good.jpg")
    picture.save(tmp_path / "z.png")
    torn = (tmp_path / "good.jpg").read_bytes()[:400]
    (tmp_path / "torn.jpg").write_bytes(torn)
    (tmp_path / "text.png").write_text("no image")
    out = tmp_path / "out"
    with pytest.raises(ValueError) as caught:
        _color(model, [tmp_path], out)
    message = str(caught.value)
    assert "2 of 4 images could not be read" in message
    assert "torn.jpg" in message and "text.png" in message and "good" not in message
    assert sorted(os.listdir(out)) == ["good.png", "sheet.png", "z.png"]


@pytest.mark.usefixtures("quick")
def test_only_unreadable_images_leave_nothing(model, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match="1 of 1 images"):
        _color(model, [tmp_path / "text.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_existing_results_are_replaced_only_when_asked(model, picture, tmp_path):
    picture.save(tmp_path / "a.jpg")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("mine")
    with pytest.raises(ValueError, match="1 of 2 results exist.*a.png"):
        _color(model, [tmp_path / "a.jpg"], out)
    assert (out / "a.png").read_text() == "mine" and len(os.listdir(out)) == 1
    _color(model, [tmp_path / "a.jpg"], out, overwrite=True)
    assert _read(out / "a.png").shape == (40, 60, 3)


@pytest.mark.usefixtures("quick")
def test_all_existing_results_are_counted(model, picture, tmp_path):
    for name in "abcde":
        picture.save(tmp_path / f"{name}.bmp")
    out = tmp_path / "out"
    _color(model, [tmp_path / f"{name}.bmp" for name in "abc"], out, sheet=False)
    with pytest.raises(ValueError, match="3 of 6 results exist.*a.png"):
        _color(model, [tmp_path], out)


@pytest.mark.usefixtures("quick")
def test_jpeg_where_asked_for(model, picture, tmp_path):
    picture.save(tmp_path / "a.png")
    paths = _color(model, [tmp_path / "a.png"], tmp_path / "out", format="jpg")
    assert [path.name for path in paths] == ["a.jpg", "sheet.png"]
    assert paths[0].read_bytes()[:3] == b"\xff\xd8\xff"


@pytest.mark.usefixtures("quick")
def test_sheet_shows_gray_colored_and_the_true_colors_if_any(model, picture, tmp_path):
    picture.convert("L").save(tmp_path / "gray.png")
    paths = _color(model, [tmp_path / "gray.png"], tmp_path / "one")
    without = _read(paths[-1])
    picture.save(tmp_path / "color.png")
    paths = _color(
        model, [tmp_path / "gray.png", tmp_path / "color.png"], tmp_path / "two"
    )
    sheet = _read(paths[-1])
    assert sheet.shape[1] > 1.4 * without.shape[1]
    # The right third: white beside the gray image, below it the true colors.
    rows = np.array_split(sheet[26:, -200:], 2)
    assert np.ptp(rows[0], axis=-1).max() == 0
    assert np.percentile(np.ptp(rows[1], axis=-1), 90) > 60


def test_sheet_of_many_images_is_bounded(picture):
    small = np.asarray(picture.resize((30, 20)))
    wide = np.zeros((2, 320, 3), np.uint8)
    one = colored_files._sheet([(small, small)])
    sheet = colored_files._sheet([(small, small)] * 23 + [(wide, small)])
    assert sheet.shape[0] < 8.1 * one.shape[0]
    assert sheet.shape[1] < 3.5 * one.shape[1]


def test_other_models_are_refused_before_anything_is_written(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="Expected a colorizer. Received: vgg16"):
        _color(fakes.network("vgg16"), [tmp_path / "a.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_made_is_named(model, picture, tmp_path):
    picture.save(tmp_path / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="could not be written.*file"):
        _color(model, [tmp_path / "a.png"], tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("hue_mode", "median", "expectation_faded, expectation, mode"),
        ("chroma_mode", "q75", "median, expectation, mode"),
        ("format", "gif", "png, jpg"),
        ("side", 4096, r"\[1, 2048\]"),
        ("side", -1, r"\[1, 2048\]"),
        ("saturation", float("nan"), r"\[0, 10\]"),
    ],
)
def test_settings_out_of_range_are_refused(field, value, expected):
    with pytest.raises(ValueError, match=f"`{field}` must be .*{expected}"):
        ColorizeConfig(**{field: value})


def test_tinted_prints_are_not_color_images(picture):
    gray = np.asarray(picture.convert("L").convert("RGB"))
    tinted = np.clip(gray.astype(int) + [9, 0, -9], 0, 255).astype(np.uint8)
    assert not colored_files.is_colorful(gray)
    assert not colored_files.is_colorful(tinted)
    assert colored_files.is_colorful(np.asarray(picture))


# Names of the results.


@pytest.fixture
def tree(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path

    return make


def _names(results, output):
    return [str(path.relative_to(output)) for path in results.values()]


def test_folders_keep_their_paths_and_files_their_names(tree):
    root = tree("in/b.tif", "in/deep/er/a.b.JPG", "in/notes.txt", "c.webp")
    results = result_paths([root / "in", root / "c.webp"], root / "out", "png")
    assert _names(results, root / "out") == ["b.png", "deep/er/a.b.png", "c.png"]
    assert [image.name for image in results] == ["b.tif", "a.b.JPG", "c.webp"]


def test_equal_names_get_their_old_endings(tree):
    root = tree("in/a.jpg", "in/a.png", "in/b.jpg")
    results = result_paths([root / "in"], root / "out", "png")
    assert _names(results, root / "out") == ["a.jpg.png", "a.png.png", "b.png"]


def test_what_is_still_equal_gets_numbers(tree):
    root = tree("x/a.jpg", "y/a.jpg", "z/A.JPG", "z/a.jpg.gif", "w/a.jpg-2.bmp")
    paths = [root / n for n in ("x", "y/a.jpg", "z/A.JPG", "z/a.jpg.gif", "w")]
    names = _names(result_paths(paths, root / "out", "png"), root / "out")
    assert names[:3] == ["a.jpg.png", "a.jpg-2.png", "A.JPG-3.png"]
    assert names[3:] == ["a.jpg.gif.png", "a.jpg-2.bmp.png"]
    assert len({name.casefold() for name in names}) == 5


def test_reserved_names_are_not_taken(tree):
    root = tree("sheet.jpg")
    results = result_paths([root / "sheet.jpg"], root / "o", "png", ["sheet.png"])
    assert _names(results, root / "o") == ["sheet.jpg.png"]


def test_an_image_named_twice_comes_once(tree):
    root = tree("in/a.jpg")
    os.symlink(root / "in" / "a.jpg", root / "in" / "link.jpg")
    inputs = [root / "in", root / "in" / "a.jpg", root / "in" / ".." / "in"]
    results = result_paths(inputs, root / "out", "png")
    assert _names(results, root / "out") == ["a.png"]


def test_results_of_an_earlier_call_are_not_read(tree):
    root = tree("in/a.jpg", "in/out/a.png")
    results = result_paths([root / "in"], root / "in" / "out", "png")
    assert _names(results, root / "in" / "out") == ["a.png"]
    # Named by itself it is an input.
    results = result_paths([root / "in" / "out"], root / "other", "png")
    assert len(results) == 1


@pytest.mark.parametrize("output", ["in", "in/../in"])
def test_an_image_is_never_replaced_by_its_result(tree, output):
    root = tree("in/a.png", "in/b.jpg")
    with pytest.raises(ValueError, match="would replace an image.*Received: .*a.png"):
        result_paths([root / "in" / "a.png"], root / output, "png")
    # Beside it is allowed where the names differ; a folder would grow each time.
    results = result_paths([root / "in" / "b.jpg"], root / output, "png")
    assert _names(results, root / output) == ["b.png"]
    with pytest.raises(ValueError, match="Expected another folder.*Received: .*in$"):
        result_paths([root / "in"], root / output, "png")


def test_missing_inputs_are_named(tree):
    with pytest.raises(FileNotFoundError, match="does not exist.*nowhere.jpg"):
        result_paths([tree() / "nowhere.jpg"], tree() / "out", "png")


def test_no_inputs_are_an_error(tree):
    with pytest.raises(ValueError, match="no images. Expected .*Received: none"):
        result_paths([], tree() / "out", "png")
    root = tree("in/out/a.png")
    with pytest.raises(ValueError, match="no images. Expected .*Received: .*in"):
        result_paths([root / "in"], root / "in" / "out", "png")
