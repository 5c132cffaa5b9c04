"""A folder's features are the model's activations; a stopped work goes on."""

import keras
import numpy as np
import PIL.Image
import pytest

from selfsup import data, inference
from selfsup.analysis import embedding
from selfsup.analysis.embedding import EmbedConfig

import fakes

SIZES = {
    "a.jpg": (60, 40),
    "b/c.png": (40, 60),
    "b/d.jpg": (60, 40),
    "e.bmp": (33, 80),
    "f.jpg": (60, 40),
}


@pytest.fixture(scope="module")
def model():
    return fakes.randomize(fakes.network("alexnet"), bias=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    """Photographs of several sizes, and two that cannot be read."""
    folder = tmp_path_factory.mktemp("photographs")
    image = PIL.Image.open(photos / "coffee.jpg")
    (folder / "b").mkdir()
    for shift, (name, size) in enumerate(SIZES.items()):
        image.rotate(20 * shift).resize(size).save(folder / name)
    return folder


@pytest.fixture
def damaged(folder):
    paths = folder / "b" / "text.jpg", folder / "empty.png"
    for path in paths:
        path.write_text(path.stem[4:])
    yield folder
    for path in paths:
        path.unlink()


@pytest.fixture(autouse=True)
def _short_parts(monkeypatch):
    monkeypatch.setattr(embedding, "AHEAD", 1)


def _config(folder, **settings):
    defaults = {"data": (str(folder),), "layer": "relu2", "side": 32, "batch_size": 2}
    return EmbedConfig(**{**defaults, **settings})


def _files(folder):
    """Contents of all files below a folder by their paths."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("pool", ["mean", "max", "none"])
def test_features_are_the_activations_pooled_by_numpy(model, folder, tmp_path, pool):
    path = tmp_path / "new" / "a.npz"
    assert embedding.embed(model, path, _config(folder, pool=pool)) == 5
    cut = keras.Model(model.input, model.get_layer("relu2").output)
    with np.load(path) as file:
        names = file["names"].tolist()
        assert names == sorted(SIZES)
        for number, name in enumerate(names):
            image = data.network_input(folder / name, 32)
            whole = np.asarray(cut(image, training=False))[0]
            found = (
                file[f"map_{number}"] if pool == "none" else file["features"][number]
            )
            expected = whole if pool == "none" else getattr(whole, pool)((0, 1))
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert sorted(_files(tmp_path)) == ["new/a.npz"]


def _count_calls(patch, most=10**6):
    """Counts batches in a list; after so many the work ends, as by a kill."""
    calls, predict = [], inference.FeatureExtractor.predict

    def counted(extractor, inputs):
        if len(calls) == most:
            raise KeyboardInterrupt
        calls.append(len(inputs))
        return predict(extractor, inputs)

    patch.setattr(inference.FeatureExtractor, "predict", counted)
    return calls


@pytest.mark.parametrize("pool", ["max", "none"])
def test_a_stopped_work_goes_on_to_the_same_files(
    model, damaged, tmp_path, monkeypatch, pool
):
    config, outputs = _config(damaged, pool=pool), {}
    for name, most in (("whole", 10**6), ("parts", 2), ("parts", 10**6)):
        path = tmp_path / name / "a.npz"
        shown = None if pool == "none" else tmp_path / name / "logs"
        with monkeypatch.context() as patch:
            calls = _count_calls(patch, most)
            with pytest.raises((ValueError, KeyboardInterrupt)) as caught:
                embedding.embed(model, path, config, None, shown)
        assert path.exists() != embedding.unfinished(path).exists() == (most == 2)
        outputs[name, most] = calls, str(caught.value)
    (all_calls, message), (_, stopped), (rest, named) = outputs.values()
    assert not stopped and 0 < len(rest) < len(all_calls)
    # What was unreadable before the stop is named too.
    assert message == named and "2 of 7 images" in named
    files = _files(tmp_path / "whole")
    assert files == _files(tmp_path / "parts")
    assert len(files) == (1 if pool == "none" else 5)


def test_unreadable_photographs_are_named_and_the_others_embedded(
    model, damaged, tmp_path
):
    with pytest.raises(ValueError) as caught:
        embedding.embed(model, tmp_path / "a.npz", _config(damaged))
    message = str(caught.value)
    assert message.startswith("2 of 7 images could not be read; the others are done")
    assert "text.jpg" in message and "empty.png" in message
    with np.load(tmp_path / "a.npz") as file:
        assert file["names"].tolist() == sorted(SIZES)


def test_photographs_too_small_for_the_network_are_named(model, folder, tmp_path):
    PIL.Image.new("RGB", (400, 1)).save(tmp_path / "line.png")
    config = _config(folder, data=(str(folder), str(tmp_path / "line.png")))
    with pytest.raises(
        ValueError, match=r"6 images could not be embedded.*line.png \(5 x"
    ):
        embedding.embed(model, tmp_path / "a.npz", config)
    with np.load(tmp_path / "a.npz") as file:
        assert len(file["features"]) == 5


def test_nothing_readable_leaves_nothing(model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "text.jpg").write_text("text")
    with pytest.raises(ValueError, match="1 of 1 images"):
        embedding.embed(model, tmp_path / "a.npz", _config(tmp_path / "in"))
    assert list(_files(tmp_path)) == ["in/text.jpg"]


def test_the_same_name_in_two_sources_is_told_apart(model, folder, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    config = _config(folder, data=(str(tmp_path / "more"), str(folder / "a.jpg")))
    embedding.embed(model, tmp_path / "a.npz", config)
    with np.load(tmp_path / "a.npz") as file:
        names = file["names"].tolist()
        assert names == [str(tmp_path / "more" / "a.jpg"), str(folder / "a.jpg")]
        np.testing.assert_array_equal(*file["features"])


def test_other_settings_do_not_go_on_and_overwriting_starts_anew(
    model, folder, tmp_path, monkeypatch
):
    path = tmp_path / "a.csv"
    with monkeypatch.context() as patch:
        _count_calls(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            embedding.embed(model, path, _config(folder))
    with pytest.raises(ValueError, match=r"pool \(there 'mean', now 'max'\)"):
        embedding.embed(model, path, _config(folder, pool="max"))
    embedding.embed(model, path, _config(folder, pool="max", overwrite=True))
    first = path.read_bytes()
    with pytest.raises(FileExistsError, match="The output exists"):
        embedding.embed(model, path, _config(folder))
    embedding.embed(model, path, _config(folder, overwrite=True))
    assert path.read_bytes() != first and list(_files(tmp_path)) == ["a.csv"]


@pytest.mark.parametrize(
    "name, settings, message",
    [
        ("a.npz", {"layer": "relu99"}, "Expected one of .*relu7.* Received: 'relu99'"),
        ("a.txt", {}, "unknown ending"),
        ("a.csv", {"pool": "none"}, "Whole maps do not fit"),
        ("a.npz", {"data": ("{}/nothing",)}, "does not exist"),
        ("a.npz", {"data": ("{}/empty",)}, "empty"),
        ("a.npz", {"data": ("{}=0.3",)}, "share"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    model, folder, tmp_path, name, settings, message
):
    (tmp_path / "empty").mkdir()
    if "data" in settings:
        settings = {"data": tuple(x.format(tmp_path) for x in settings["data"])}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        embedding.embed(model, tmp_path / name, _config(folder, **settings))
    assert not _files(tmp_path) and not embedding.unfinished(tmp_path / name).exists()


def test_maps_have_no_projector(model, folder, tmp_path):
    with pytest.raises(ValueError, match="`pool` must be mean or max"):
        embedding.embed(
            model, tmp_path / "a.npz", _config(folder, pool="none"), None, tmp_path
        )
