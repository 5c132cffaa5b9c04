"""The doors by name lead to the same engine."""

import pytest

from selfsup import training
from selfsup.training import entry


@pytest.fixture
def calls(monkeypatch):
    """What `train` and `evaluate` were called with."""
    found = []
    for name in ("train", "evaluate"):
        monkeypatch.setattr(entry, name, lambda *args: found.append(args) or "done")
    return found


def test_train_colorizer_trains_colorization(calls):
    config = training.ColorizationConfig.from_preset()
    assert training.train_colorizer(config, "run", strategy="two") == "done"
    ((task, *rest),) = calls
    assert (task.name, task.config) == ("colorization", config)
    assert rest == ["run", False, "two"]


@pytest.mark.parametrize(
    "config_class, name",
    [
        (training.SegmentationConfig, "segmentation"),
        (training.ClassificationConfig, "classification"),
    ],
)
def test_train_voc_trains_the_task_of_its_configuration(config_class, name, calls):
    config = config_class(voc_dir="VOC")
    assert training.train_voc(config, "run", overwrite=True) == "done"
    ((task, *rest),) = calls
    assert (task.name, task.config) == (name, config)
    assert rest == ["run", True, None]


@pytest.mark.parametrize(
    "train, config",
    [
        (training.train_voc, training.ColorizationConfig.from_preset()),
        (training.train_colorizer, training.tasks.get("rotation").Config.from_preset()),
        (training.train_voc, {"voc_dir": "VOC"}),
    ],
)
def test_a_configuration_of_another_task_is_refused(train, config, calls):
    with pytest.raises(TypeError, match="Received"):
        train(config, "run")
    assert not calls


def test_eval_voc_accepts_both_tasks_and_their_options(calls):
    assert training.eval_voc("run", "report", flip=True) == "done"
    tasks = "segmentation", "classification"
    assert calls == [("run", {"flip": True}, "report", None, tasks)]
