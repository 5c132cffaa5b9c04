"""What every task answers, whatever it learns."""

import dataclasses

import pytest
import toy_task

from selfsup import heads
from selfsup.settings import Config
from selfsup.training import tasks
from selfsup.training.run_config import RunConfig
from selfsup.training.tasks.task import Task

import fakes

ALL = [tasks.get(name) for name in tasks.names()]


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_every_task_answers_everything(task):
    assert issubclass(task, Task)
    assert task.kind in heads.KINDS
    assert task.pretraining or isinstance(task.score, str)
    assert task.pretraining or task.score_baseline is not Task.score_baseline
    assert issubclass(task.Config, RunConfig)
    assert issubclass(task.EvaluationConfig, Config)
    for method in (
        "open backbone model losses batches predictor measure results "
        "for_evaluation evaluate"
    ).split():
        assert getattr(task, method) is not getattr(Task, method), method


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_options_of_evaluations_have_defaults(task):
    options = task.EvaluationConfig()
    assert task.EvaluationConfig.from_json(dataclasses.asdict(options)) == options


def test_the_log_shows_the_score_by_default():
    assert toy_task.ToySearch(toy_task.search()).logged == ("score",)


def test_a_copied_backbone_has_the_same_weights_and_layers_that_learn():
    backbone = fakes.network("alexnet", normalization="none")
    backbone.get_layer("conv1").trainable = False
    copied = Task(None).copy(backbone)
    assert copied is not backbone
    toy_task.assert_same(copied.get_weights(), backbone.get_weights())
    ours, theirs = ([v.path for v in m.trainable_variables] for m in (copied, backbone))
    assert ours == theirs and not any("conv1/" in path for path in ours)


def test_samples_are_known_by_their_names():
    names = Task(None).names(toy_task.Numbers(2, first=5))
    assert names == ["number 5", "number 6"]
