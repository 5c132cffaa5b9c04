"""Opening what shall be exported."""

import json

import keras
import pytest

from selfsup import heads, networks
from selfsup.export import ExportSettings, open_subject, subjects

import fakes

PRETRAINING = {"min_side": 100, "max_side": 201}
CLASSES = ["cat", "dog", "owl"]


@pytest.fixture(scope="module")
def models():
    backbone = fakes.network("alexnet")
    taps = networks.taps(backbone)
    return {
        "colorizer": heads.colorizer(backbone, taps, hidden=4),
        "lab colorizer": heads.colorizer(backbone, taps, hidden=4, loss="lab"),
        "segmenter": heads.segmenter(backbone, taps, 3, hidden=4),
        "classifier": heads.classifier(backbone, 3),
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


def test_kinds_are_told_by_inputs_and_outputs(models):
    for name, model in models.items():
        assert subjects.kind_of(model, "x") == name.split()[-1]


def test_a_workdir_gives_its_whole_model(workdir):
    subject = open_subject(workdir("colorizer", PRETRAINING), ExportSettings())
    # The mean of the sides of training, as the evaluation has it.
    assert (subject.kind, subject.side) == ("colorizer", 150)
    assert not subject.color and not subject.whole and subject.image.name == "gray"


def test_a_file_gives_the_backbone_of_a_workdir(workdir):
    file = workdir("colorizer", PRETRAINING) / "backbone.keras"
    subject = open_subject(file, ExportSettings())
    assert (subject.kind, subject.side) == ("backbone", 150)


def test_the_given_side_wins(workdir):
    folder = workdir("colorizer", PRETRAINING)
    assert open_subject(folder, ExportSettings(side=64)).side == 64


@pytest.mark.parametrize("kind", ["segmenter", "classifier", "backbone"])
def test_voc_runs_see_images_at_their_own_scale(workdir, kind):
    settings = {"task": "x", "crop_size": 40}
    folder = workdir(kind, settings, {"classes": CLASSES}, with_backbone=False)
    subject = open_subject(folder, ExportSettings())
    assert subject.side is None
    assert subject.classes == (() if kind == "backbone" else tuple(CLASSES))
    assert subject.crop_size == (40 if kind == "classifier" else None)
    # A classifier sees crops.
    assert subject.whole == (kind != "classifier")


def test_classes_without_names_are_numbered(workdir):
    subject = open_subject(workdir("classifier"), ExportSettings(crop_size=30))
    assert (subject.classes, subject.crop_size) == (("0", "1", "2"), 30)


def test_other_classes_are_refused(workdir):
    folder = workdir("segmenter", results={"classes": ["cat"]})
    with pytest.raises(ValueError, match="Expected 3 names.*Received: 1 in"):
        open_subject(folder, ExportSettings())


@pytest.mark.parametrize(
    "kind, flag", [("colorizer", "side"), ("backbone", "side"), ("classifier", "crop")]
)
def test_what_is_not_known_must_be_given(workdir, kind, flag):
    folder = workdir(kind, with_backbone=False)
    with pytest.raises(ValueError, match=f"no config.json.*--{flag}.*{folder}"):
        open_subject(folder, ExportSettings())


def test_models_of_others_are_refused(tmp_path):
    image = keras.Input((None, None, 3), name="photo")
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="no known kind.*other.keras.*photo and 1"):
        open_subject(tmp_path / "other.keras", ExportSettings())


def test_missing_models_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no trained model"):
        open_subject(tmp_path, ExportSettings())
