"""Opening a model to export."""

import json

import keras
import pytest

from selfsup import heads, networks
from selfsup.export import ExportConfig, convert_run, open_model

import fakes

PRETRAINING = {"min_side": 100, "max_side": 201}
CLASSES = ["cat", "dog", "owl"]


@pytest.fixture(scope="module")
def models():
    backbone = fakes.network("alexnet")
    taps = networks.taps(backbone)
    return {
        "colorizer": heads.colorizer(backbone, taps, hidden=4),
        "segmenter": heads.segmenter(backbone, taps, 3, hidden=4),
        "classifier": heads.classifier(backbone, 3),
        "single_label_classifier": heads.classifier(backbone, 3, multi_label=False),
        "jigsaw": heads.jigsaw(backbone, 3, hidden=4),
        "backbone": backbone,
    }


@pytest.fixture
def workdir(models, tmp_path):
    """Writes a workdir as a run leaves it."""

    def write(kind, settings=None, results=None, with_backbone=True):
        models[kind].save(tmp_path / f"{kind}.keras")
        if with_backbone:
            models["backbone"].save(tmp_path / "backbone.keras")
        for name, content in (("config", settings), ("results", results)):
            if content is not None:
                (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return tmp_path

    return write


def test_a_workdir_gives_its_whole_model(workdir):
    exported = open_model(workdir("colorizer", PRETRAINING), ExportConfig())
    # The mean of the sides of training, as the evaluation has it.
    assert (exported.kind, exported.side) == ("colorizer", 150)
    assert not exported.color and not exported.whole and exported.image.name == "gray"


def test_a_file_gives_the_backbone_of_a_workdir(workdir):
    file = workdir("colorizer", PRETRAINING) / "backbone.keras"
    exported = open_model(file, ExportConfig())
    assert (exported.kind, exported.side) == ("backbone", 150)


def test_of_a_jigsaw_only_the_backbone_is_exported(workdir):
    folder = workdir("jigsaw", PRETRAINING)
    exported = open_model(folder, ExportConfig())
    assert (exported.kind, exported.side) == ("backbone", 150)
    message = "Expected a colorizer or .*backbone. Received: .*jigsaw.keras, a jigsaw"
    for refusing in (
        lambda path: open_model(path, ExportConfig()),
        lambda path: convert_run(path, folder / "jigsaw.onnx"),
    ):
        with pytest.raises(ValueError, match=message):
            refusing(folder / "jigsaw.keras")


def test_the_given_side_wins(workdir):
    folder = workdir("colorizer", PRETRAINING)
    assert open_model(folder, ExportConfig(side=64)).side == 64


@pytest.mark.parametrize(
    "kind", ["segmenter", "classifier", "single_label_classifier", "backbone"]
)
def test_voc_runs_see_images_at_their_own_scale(workdir, kind):
    settings = {"task": "x", "crop_size": 40}
    folder = workdir(kind, settings, {"classes": CLASSES}, with_backbone=False)
    exported = open_model(folder, ExportConfig())
    assert exported.side is None
    assert exported.classes == (() if kind == "backbone" else tuple(CLASSES))
    assert exported.crop_size == (40 if "classifier" in kind else None)
    # A classifier sees crops.
    assert exported.whole == ("classifier" not in kind)


def test_classes_without_names_are_numbered(workdir):
    exported = open_model(workdir("classifier"), ExportConfig(crop_size=30))
    assert (exported.classes, exported.crop_size) == (("0", "1", "2"), 30)


def test_other_classes_are_refused(workdir):
    folder = workdir("segmenter", results={"classes": ["cat"]})
    with pytest.raises(ValueError, match="Expected 3 names.*Received: 1 in"):
        open_model(folder, ExportConfig())


@pytest.mark.parametrize(
    "kind, flag",
    [("colorizer", "side"), ("backbone", "side"), ("classifier", "crop_size")],
)
def test_an_unknown_scale_or_crop_is_asked_for(workdir, kind, flag):
    folder = workdir(kind, with_backbone=False)
    with pytest.raises(ValueError, match=f"Expected --{flag} .*Received: {folder}"):
        open_model(folder, ExportConfig())


def test_other_models_are_refused(tmp_path):
    image = keras.Input((None, None, 3), name="photo")
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="no known kind.*other.keras.*photo and 1"):
        open_model(tmp_path / "other.keras", ExportConfig())


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"Received: {tmp_path}"):
        open_model(tmp_path, ExportConfig())
