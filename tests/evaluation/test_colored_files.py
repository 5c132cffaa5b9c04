"""Files of every kind are colored, bad ones named, nothing replaced unasked."""

import contextlib
import os
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from selfsup import data, heads, inference, locking, networks, pictures, stopping
from selfsup.evaluation import colored_files, coloring_record
from selfsup.evaluation.colored_files import ColorizeConfig

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


def _found(folder):
    """The names of what a person sees in a folder, without the record."""
    return sorted(n for n in os.listdir(folder) if n not in (".lock", "colored.jsonl"))


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
    assert _found(tmp_path) == ["coffee.png"]


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
    assert _found(out) == ["good.png", "sheet.png", "z.png"]


@pytest.mark.usefixtures("quick")
def test_only_unreadable_images_leave_nothing(model, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match="1 of 1 images"):
        _color(model, [tmp_path / "text.png"], tmp_path / "out")
    assert _found(tmp_path / "out") == []


@pytest.mark.usefixtures("quick")
def test_existing_results_are_replaced_only_when_asked(model, picture, tmp_path):
    picture.save(tmp_path / "a.jpg")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("mine")
    with pytest.raises(ValueError, match="1 of 2 results exist.*a.png"):
        _color(model, [tmp_path / "a.jpg"], out)
    assert (out / "a.png").read_text() == "mine" and _found(out) == ["a.png"]
    _color(model, [tmp_path / "a.jpg"], out, overwrite=True)
    assert _read(out / "a.png").shape == (40, 60, 3)


@pytest.mark.usefixtures("quick")
def test_all_existing_results_are_counted(model, picture, tmp_path):
    for name in "abcde":
        picture.save(tmp_path / f"{name}.bmp")
    out = tmp_path / "out"
    _color(model, [tmp_path / f"{name}.bmp" for name in "abc"], out, sheet=False)
    (out / "colored.jsonl").unlink()
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
        ("saturation", 10.5, r"\[0, 10\]"),
    ],
)
def test_settings_out_of_range_are_refused(field, value, expected):
    with pytest.raises(ValueError, match=f"`{field}` must be .*{expected}"):
        ColorizeConfig(**{field: value})


# Going on, failing, and stopping.


@pytest.fixture
def folder(picture, tmp_path):
    """Four images below `in`."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate("abcd"):
        picture.rotate(90 * number).save(tmp_path / "in" / f"{name}.bmp")
    return tmp_path


@pytest.fixture
def colored(monkeypatch):
    """Counts the images that are colored, and may do something before one."""
    calls, before = [], {}
    color = inference.color_photograph

    def count(*arguments, **options):
        calls.append(1)
        before.get(len(calls) - 1, lambda: None)()
        return color(*arguments, **options)

    monkeypatch.setattr(inference, "color_photograph", count)
    return SimpleNamespace(calls=calls, before=before)


def _bytes(folder):
    return {name: (folder / name).read_bytes() for name in _found(folder)}


def _raise(error):
    raise error


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("place", ["before", "rename", "append"])
def test_a_killed_call_goes_on_and_ends_as_the_unbroken(
    model, folder, colored, monkeypatch, kind, place
):
    _color(model, [folder / "in"], folder / "one", format=kind)
    target = {
        "before": (data, "load_image"),
        "rename": (os, "replace"),
        "append": (coloring_record.Record, "_append"),
    }[place]
    # Whatever a kill cuts short, nothing in the process runs after it.
    killed = type("Killed", (BaseException,), {})
    real, count = getattr(*target), iter(range(100))
    for last in (1, 4, 7):

        def stop(*arguments, last=last):
            return _raise(killed) if next(count) == last else real(*arguments)

        monkeypatch.setattr(*target, stop)
        with contextlib.suppress(killed):
            _color(model, [folder / "in"], folder / "out", format=kind)
    monkeypatch.setattr(*target, real)
    _color(model, [folder / "in"], folder / "out", format=kind)
    assert _bytes(folder / "out") == _bytes(folder / "one")
    done = len(colored.calls)
    _color(model, [folder / "in"], folder / "out", format=kind)
    assert len(colored.calls) == done


@pytest.mark.usefixtures("quick")
def test_what_is_done_is_kept_and_what_is_torn_made_anew(model, folder, colored):
    out = folder / "out"
    _color(model, [folder / "in"], out)
    expected, times = _bytes(out), {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    (out / "b.png").write_bytes((out / "b.png").read_bytes()[:-300])
    (out / "c.png").write_bytes(b"")
    with (out / "colored.jsonl").open("a") as file:
        file.write('{"result": "d.p')
    _color(model, [folder / "in"], out)
    assert len(colored.calls) == 6 and _bytes(out) == expected
    assert (out / "a.png").stat().st_mtime_ns == times["a.png"]
    # A person's own work on a result stays.
    picture = PIL.Image.open(out / "a.png").convert("L")
    picture.save(out / "a.png")
    mine = (out / "a.png").read_bytes()
    _color(model, [folder / "in"], out)
    assert len(colored.calls) == 6 and (out / "a.png").read_bytes() == mine


@pytest.mark.usefixtures("quick")
def test_results_of_other_models_settings_and_images_are_refused(
    model, folder, picture, colored
):
    out, one = folder / "out", folder / "in" / "a.bmp"
    _color(model, [folder / "in"], out)
    for settings in ({"saturation": 2.0}, {"side": 30}, {"format": "jpg"}):
        with pytest.raises(
            ValueError, match=f"other settings.*--overwrite.*{list(settings)[0]}"
        ):
            _color(model, [folder / "in"], out, **settings)
    other = fakes.randomize(keras.models.clone_model(model), seed=5)
    with pytest.raises(ValueError, match=r"other settings.*Received: model \(there"):
        _color(other, [folder / "in"], out)
    before = _bytes(out)
    picture.resize((9, 9)).save(one)
    with pytest.raises(
        ValueError, match="of another image.*--overwrite.*a.png, made of"
    ):
        _color(model, [folder / "in"], out)
    assert _bytes(out) == before and len(colored.calls) == 4
    _color(model, [folder / "in"], out, saturation=2.0, overwrite=True)
    assert len(colored.calls) == 8
    assert _read(out / "a.png").shape == (9, 9, 3)


@pytest.mark.usefixtures("quick")
def test_the_sheet_shows_results_of_earlier_calls_too(model, folder):
    out, images = folder / "out", sorted((folder / "in").iterdir())
    _color(model, images, folder / "one")
    _color(model, images[:2], out)
    _color(model, images[2:], out)
    assert _bytes(out)["sheet.png"] == _bytes(folder / "one")["sheet.png"]


@pytest.mark.usefixtures("quick")
def test_an_image_that_cannot_be_colored_or_written_ends_nothing(
    model, folder, colored, monkeypatch
):
    out = folder / "out"
    colored.before[1] = lambda: _raise(
        tf.errors.ResourceExhaustedError(None, None, "OOM")
    )
    write = pictures.save_encoded

    def full(path, encoded):
        return (
            _raise(OSError(28, "No space left"))
            if path.stem == "c"
            else write(path, encoded)
        )

    monkeypatch.setattr(pictures, "save_encoded", full)
    colored.calls.clear()
    with pytest.raises(OSError) as caught:
        _color(model, [folder / "in"], out)
    message = str(caught.value)
    assert message.startswith(
        "1 of 4 images could not be colored, 1 could not be written"
    )
    assert "b.bmp (OOM)" in message and "c.bmp (No space left)" in message
    assert _found(out) == ["a.png", "d.png", "sheet.png"]
    monkeypatch.setattr(pictures, "save_encoded", write)
    colored.before.clear()
    _color(model, [folder / "in"], out)
    assert _found(out) == ["a.png", "b.png", "c.png", "d.png", "sheet.png"]


@pytest.mark.usefixtures("quick")
def test_a_folder_in_the_place_of_a_result_ends_nothing(model, folder):
    out = folder / "out"
    (out / "a.png" / "x").mkdir(parents=True)
    with pytest.raises(OSError, match="1 of 4 images could not be written.*a.png"):
        _color(model, [folder / "in"], out, overwrite=True)
    assert _found(out) == ["a.png", "b.png", "c.png", "d.png", "sheet.png"]


@pytest.mark.usefixtures("quick")
def test_a_call_that_is_stopped_says_how_many_are_done(model, folder, colored):
    colored.before[2] = lambda: _raise(stopping.Stopped())
    with pytest.raises(stopping.Stopped, match="^after 2 of 4 images$"):
        _color(model, [folder / "in"], folder / "out")
    assert _found(folder / "out") == ["a.png", "b.png"]


@pytest.mark.usefixtures("quick")
def test_a_folder_that_another_process_has_is_refused(model, folder):
    (folder / "out").mkdir()
    with locking.locked(folder / "out"):
        with pytest.raises(BlockingIOError, match="Another process"):
            _color(model, [folder / "in"], folder / "out")
    assert _found(folder / "out") == []


@pytest.mark.usefixtures("quick")
def test_many_failures_are_counted_and_some_named(model, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(30):
        (tmp_path / "in" / f"{number:02}.jpg").touch()
    with pytest.raises(ValueError, match="30 of 30 .*19.jpg.*; and 10 more$") as caught:
        _color(model, [tmp_path / "in"], tmp_path / "out")
    assert "20.jpg" not in str(caught.value)


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
    written = _color(model, [tmp_path / "in"], tmp_path / "out")
    assert len(written) == len(names) + 1
    assert all(_read_any(path).shape == (40, 60, 3) for path in written[:-1])
    _color(model, [tmp_path / "in"], tmp_path / "out")
    assert len(_found(tmp_path / "out")) == len(names) + 1


def _read_any(path):
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
