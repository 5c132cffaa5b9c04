"""Coloring goes on where it was stopped, and past images that fail."""

import contextlib
import os
from types import SimpleNamespace

import cv2
import keras
import PIL.Image
import pytest
import tensorflow as tf

from selfsup import data, inference, locking, pictures, stopping
from selfsup.evaluation import coloring_record

import coloring
import fakes


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
    return {name: (folder / name).read_bytes() for name in coloring.found(folder)}


def _raise(error):
    raise error


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("place", ["before", "rename", "append"])
def test_a_killed_call_goes_on_and_ends_as_the_unbroken(
    model, folder, colored, monkeypatch, kind, place
):
    coloring.color(model, [folder / "in"], folder / "one", format=kind)
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
            coloring.color(model, [folder / "in"], folder / "out", format=kind)
    monkeypatch.setattr(*target, real)
    coloring.color(model, [folder / "in"], folder / "out", format=kind)
    assert _bytes(folder / "out") == _bytes(folder / "one")
    done = len(colored.calls)
    coloring.color(model, [folder / "in"], folder / "out", format=kind)
    assert len(colored.calls) == done


@pytest.mark.usefixtures("quick")
def test_what_is_done_is_kept_and_what_is_torn_made_anew(model, folder, colored):
    out = folder / "out"
    coloring.color(model, [folder / "in"], out)
    expected, times = _bytes(out), {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    (out / "b.png").write_bytes((out / "b.png").read_bytes()[:-300])
    (out / "c.png").write_bytes(b"")
    with (out / "colored.jsonl").open("a") as file:
        file.write('{"result": "d.p')
    coloring.color(model, [folder / "in"], out)
    assert len(colored.calls) == 6 and _bytes(out) == expected
    assert (out / "a.png").stat().st_mtime_ns == times["a.png"]
    # A person's own work on a result stays.
    picture = PIL.Image.open(out / "a.png").convert("L")
    picture.save(out / "a.png")
    mine = (out / "a.png").read_bytes()
    coloring.color(model, [folder / "in"], out)
    assert len(colored.calls) == 6 and (out / "a.png").read_bytes() == mine


@pytest.mark.usefixtures("quick")
def test_results_of_other_models_settings_and_images_are_refused(
    model, folder, picture, colored
):
    out, one = folder / "out", folder / "in" / "a.bmp"
    coloring.color(model, [folder / "in"], out)
    for settings in ({"saturation": 2.0}, {"side": 30}, {"format": "jpg"}):
        with pytest.raises(
            ValueError, match=f"other settings.*--overwrite.*{list(settings)[0]}"
        ):
            coloring.color(model, [folder / "in"], out, **settings)
    other = fakes.randomize(keras.models.clone_model(model), seed=5)
    with pytest.raises(ValueError, match=r"other settings.*Received: model \(there"):
        coloring.color(other, [folder / "in"], out)
    before = _bytes(out)
    picture.resize((9, 9)).save(one)
    with pytest.raises(
        ValueError, match="of another image.*--overwrite.*a.png, made of"
    ):
        coloring.color(model, [folder / "in"], out)
    assert _bytes(out) == before and len(colored.calls) == 4
    coloring.color(model, [folder / "in"], out, saturation=2.0, overwrite=True)
    assert len(colored.calls) == 8
    assert cv2.imread(str(out / "a.png")).shape == (9, 9, 3)


@pytest.mark.usefixtures("quick")
def test_the_sheet_shows_results_of_earlier_calls_too(model, folder):
    out, images = folder / "out", sorted((folder / "in").iterdir())
    coloring.color(model, images, folder / "one")
    coloring.color(model, images[:2], out)
    coloring.color(model, images[2:], out)
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
        coloring.color(model, [folder / "in"], out)
    message = str(caught.value)
    assert message.startswith(
        "1 of 4 images could not be colored, 1 could not be written"
    )
    assert "b.bmp (OOM)" in message and "c.bmp (No space left)" in message
    assert coloring.found(out) == ["a.png", "d.png", "sheet.png"]
    monkeypatch.setattr(pictures, "save_encoded", write)
    colored.before.clear()
    coloring.color(model, [folder / "in"], out)
    assert coloring.found(out) == ["a.png", "b.png", "c.png", "d.png", "sheet.png"]


@pytest.mark.usefixtures("quick")
def test_a_folder_in_the_place_of_a_result_ends_nothing(model, folder):
    out = folder / "out"
    (out / "a.png" / "x").mkdir(parents=True)
    with pytest.raises(OSError, match="1 of 4 images could not be written.*a.png"):
        coloring.color(model, [folder / "in"], out, overwrite=True)
    assert coloring.found(out) == ["a.png", "b.png", "c.png", "d.png", "sheet.png"]


@pytest.mark.usefixtures("quick")
def test_a_call_that_is_stopped_says_how_many_are_done(model, folder, colored):
    colored.before[2] = lambda: _raise(stopping.Stopped())
    with pytest.raises(stopping.Stopped, match="^after 2 of 4 images$"):
        coloring.color(model, [folder / "in"], folder / "out")
    assert coloring.found(folder / "out") == ["a.png", "b.png"]


@pytest.mark.usefixtures("quick")
def test_a_folder_that_another_process_has_is_refused(model, folder):
    (folder / "out").mkdir()
    with locking.locked(folder / "out"):
        with pytest.raises(BlockingIOError, match="Another process"):
            coloring.color(model, [folder / "in"], folder / "out")
    assert coloring.found(folder / "out") == []


@pytest.mark.usefixtures("quick")
def test_many_failures_are_counted_and_some_named(model, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(30):
        (tmp_path / "in" / f"{number:02}.jpg").touch()
    with pytest.raises(ValueError, match="30 of 30 .*19.jpg.*; and 10 more$") as caught:
        coloring.color(model, [tmp_path / "in"], tmp_path / "out")
    assert "20.jpg" not in str(caught.value)
