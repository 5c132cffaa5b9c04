"""Weights of other programs: each file goes where it belongs."""

import h5py
import pytest

from selfsup.weights import applications, importing

import caffe_files


@pytest.fixture
def keras_file(tmp_path, monkeypatch):
    """A file as Keras 2 wrote them; reading it is tested elsewhere."""
    path = tmp_path / "vgg16_weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["block1_conv1"]
    monkeypatch.setattr(applications, "load", lambda *arguments: arguments)
    monkeypatch.setattr(applications, "recognize", lambda path: "vgg16")
    return path


def test_caffe_files(tmp_path):
    layers = {**caffe_files.vgg16(32), "fc8": [[1.0]]}
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match="superfluous: fc8"):
        importing.import_model(path, skip=None)
    model, report = importing.import_model(path, "vgg16", skip=["fc8"], lrn=None)
    assert model.name == "vgg16" and report.origin == str(path)


def test_files_of_keras(keras_file):
    assert importing.import_model(keras_file) == ("vgg16", keras_file)
    assert importing.import_model(keras_file, "resnet50") == ("resnet50", keras_file)
    assert importing.import_model("imagenet", "vgg16", skip=None) == ("vgg16",)


@pytest.mark.parametrize("option", [{"skip": ["fc8"]}, {"lrn": False}])
def test_options_are_for_caffe_files_only(option, keras_file):
    with pytest.raises(ValueError, match=f"no options.*with {next(iter(option))}"):
        importing.import_model(keras_file, **option)


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no/where.h5"):
        importing.import_model("no/where.h5")
    path = tmp_path / "x.h5"
    path.write_text("text")
    with pytest.raises(ValueError, match=f"no HDF5.*{path}"):
        importing.import_model(path)
