"""The door of evaluation: what is refused. The tasks' own tests evaluate."""

import keras
import pytest

from selfsup import heads, networks, training
from selfsup.training import tasks

import fakes


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Files of models, alone and beside settings."""
    folder = tmp_path_factory.mktemp("models")
    backbone = fakes.network("alexnet")
    colorizer = heads.colorizer(backbone, networks.taps(backbone), 4, hidden=4)
    colorizer.save(folder / "colorizer.keras")
    backbone.save(folder / "backbone.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(
        folder / "other.keras"
    )
    return folder


def test_a_missing_model_is_named(tmp_path, models):
    with pytest.raises(FileNotFoundError, match="Received: /no/where"):
        training.evaluate("/no/where")
    with pytest.raises(FileNotFoundError, match=f"segmenter.keras or .*{tmp_path}$"):
        training.evaluate(tmp_path, accepted=["segmentation", "classification"])
    with pytest.raises(FileNotFoundError, match="with backbone.keras, colorizer.keras"):
        training.evaluate(models, accepted=["classification"])


@pytest.mark.parametrize(
    "name, message",
    [
        ("colorizer.keras", "Expected a segmenter or classifier.*{}, a colorizer"),
        ("backbone.keras", "Expected a segmenter or classifier.*{}, a backbone"),
        ("other.keras", "of no known kind.*{} with inputs .* 1 outputs"),
    ],
)
def test_a_model_of_another_kind_is_named(name, message, models):
    path = models / name
    with pytest.raises(ValueError, match=message.format(path)):
        training.evaluate(path, accepted=["segmentation", "classification"])
    assert not (models / "evaluation").exists()


def test_unknown_options_are_refused_by_name(models):
    with pytest.raises(ValueError, match="Received: flip, scales$"):
        training.evaluate(models / "colorizer.keras", {"flip": True, "scales": "1"})


def test_a_report_that_cannot_be_written_is_named(models, photos, tmp_path):
    (tmp_path / "file").write_text("")
    options = {"data": (str(photos),), "crop_size": 32}
    output = tmp_path / "file" / "report"
    with pytest.raises(OSError, match=f"Received: {output}"):
        training.evaluate(models / "colorizer.keras", options, output)


def test_kinds_are_those_of_all_tasks_by_default():
    assert set(tasks.kinds()) >= {"colorizer", "segmenter", "classifier"}
