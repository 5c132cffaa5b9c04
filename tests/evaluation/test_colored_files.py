"""Files of every kind are colored, bad ones named, nothing replaced unasked."""

import os

import cv2
import numpy as np
import PIL.Image
import pytest

from selfsup import data, inference
from selfsup.evaluation import colored_files
from selfsup.evaluation.colored_files import ColorizeConfig

import coloring
import fakes


def _read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]


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
    written = coloring.color(model, [tmp_path], tmp_path / "out", saturation=3.0)
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
    (path,) = coloring.color(
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
    assert coloring.found(tmp_path) == ["coffee.png"]


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
        coloring.color(model, [tmp_path], out)
    message = str(caught.value)
    assert "2 of 4 images could not be read" in message
    assert "torn.jpg" in message and "text.png" in message and "good" not in message
    assert coloring.found(out) == ["good.png", "sheet.png", "z.png"]


@pytest.mark.usefixtures("quick")
def test_only_unreadable_images_leave_nothing(model, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match="1 of 1 images"):
        coloring.color(model, [tmp_path / "text.png"], tmp_path / "out")
    assert coloring.found(tmp_path / "out") == []


@pytest.mark.usefixtures("quick")
def test_existing_results_are_replaced_only_when_asked(model, picture, tmp_path):
    picture.save(tmp_path / "a.jpg")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("mine")
    with pytest.raises(ValueError, match="1 of 2 results exist.*a.png"):
        coloring.color(model, [tmp_path / "a.jpg"], out)
    assert (out / "a.png").read_text() == "mine" and coloring.found(out) == ["a.png"]
    coloring.color(model, [tmp_path / "a.jpg"], out, overwrite=True)
    assert _read(out / "a.png").shape == (40, 60, 3)


@pytest.mark.usefixtures("quick")
def test_all_existing_results_are_counted(model, picture, tmp_path):
    for name in "abcde":
        picture.save(tmp_path / f"{name}.bmp")
    out = tmp_path / "out"
    coloring.color(
        model, [tmp_path / f"{name}.bmp" for name in "abc"], out, sheet=False
    )
    (out / "colored.jsonl").unlink()
    with pytest.raises(ValueError, match="3 of 6 results exist.*a.png"):
        coloring.color(model, [tmp_path], out)


@pytest.mark.usefixtures("quick")
def test_jpeg_where_asked_for(model, picture, tmp_path):
    picture.save(tmp_path / "a.png")
    paths = coloring.color(model, [tmp_path / "a.png"], tmp_path / "out", format="jpg")
    assert [path.name for path in paths] == ["a.jpg", "sheet.png"]
    assert paths[0].read_bytes()[:3] == b"\xff\xd8\xff"


@pytest.mark.usefixtures("quick")
def test_sheet_shows_gray_colored_and_the_true_colors_if_any(model, picture, tmp_path):
    picture.convert("L").save(tmp_path / "gray.png")
    paths = coloring.color(model, [tmp_path / "gray.png"], tmp_path / "one")
    without = _read(paths[-1])
    picture.save(tmp_path / "color.png")
    paths = coloring.color(
        model, [tmp_path / "gray.png", tmp_path / "color.png"], tmp_path / "two"
    )
    sheet = _read(paths[-1])
    assert sheet.shape[1] > 1.4 * without.shape[1]
    # The right third: white beside the gray image, below it the true colors.
    rows = np.array_split(sheet[26:, -200:], 2)
    assert np.ptp(rows[0], axis=-1).max() == 0
    assert np.percentile(np.ptp(rows[1], axis=-1), 90) > 60


def test_other_models_are_refused_before_anything_is_written(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="Expected a colorizer. Received: vgg16"):
        coloring.color(fakes.network("vgg16"), [tmp_path / "a.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_made_is_named(model, picture, tmp_path):
    picture.save(tmp_path / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="could not be written.*file"):
        coloring.color(model, [tmp_path / "a.png"], tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("hue_mode", "median", "expectation_faded, expectation, mode"),
        ("chroma_mode", "q75", "median, expectation, mode"),
        ("format", "gif", "png, jpg"),
        ("side", 4096, r"\[1, 2048\]"),
        ("side", -1, r"\[1, 2048\]"),
        ("saturation", 10.5, r"\[0, 10\]"),
    ],
)
def test_settings_out_of_range_are_refused(field, value, expected):
    with pytest.raises(ValueError, match=f"`{field}` must be .*{expected}"):
        ColorizeConfig(**{field: value})


@pytest.mark.usefixtures("quick")
def test_any_legal_name_is_colored(model, picture, tmp_path):
    names = [
        "x" * 251 + ".png",
        "写" * 83 + "x.tiff",
        "two\nlines.png",
        "-dash.png",
        "Same.png",
        "same.png",
        os.fsdecode(b"\xff\xfe.png"),
        "写" * 80 + ".jpg",
    ]
    (tmp_path / "in").mkdir()
    for name in names:
        kind = "TIFF" if name.endswith("tiff") else "PNG"
        picture.save(tmp_path / "in" / name, kind)
    written = coloring.color(model, [tmp_path / "in"], tmp_path / "out")
    assert len(written) == len(names) + 1
    assert all(_read_any(path).shape == (40, 60, 3) for path in written[:-1])
    coloring.color(model, [tmp_path / "in"], tmp_path / "out")
    assert len(coloring.found(tmp_path / "out")) == len(names) + 1


def _read_any(path):
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
