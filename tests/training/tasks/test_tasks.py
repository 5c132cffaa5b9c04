"""The table of tasks, and which one a finished run was made for."""

import pathlib

import pytest

from selfsup import heads, networks, runs
from selfsup.training import tasks

import fakes


def _run(kind, settings):
    backbone = fakes.network("alexnet", normalization="none")
    taps = networks.taps(backbone)[-1:]
    model = {
        "colorizer": lambda: heads.colorizer(backbone, taps, 4, hidden=4),
        "segmenter": lambda: heads.segmenter(backbone, taps, 3, hidden=4),
        "backbone": lambda: backbone,
    }[kind]()
    return runs.Run(pathlib.Path("run"), model, settings, None)


def test_every_task_has_its_name():
    assert all(tasks.get(name).name == name for name in tasks.names())
    assert {"colorization", "segmentation", "classification"} <= set(tasks.names())
    assert set(tasks.kinds()) <= set(heads.KINDS)


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="colorization, .*Received: 'detection'"):
        tasks.get("detection")


@pytest.mark.parametrize("name", tasks.names())
def test_a_configuration_names_its_task(name):
    task = tasks.get(name)
    config = object.__new__(task.Config)
    assert tasks.of_config(config) is task


def test_a_run_is_of_the_task_in_its_settings():
    run = _run("segmenter", {"task": "segmentation"})
    assert tasks.of_run(run, tasks.names(), "run").name == "segmentation"


def test_settings_of_0_1_0_name_no_task_of_colorization():
    run = _run("colorizer", {"width": 0.25})
    assert tasks.of_run(run, ["colorization"], "run").name == "colorization"


def test_a_kind_that_one_task_makes_is_enough():
    run = _run("segmenter", None)
    assert tasks.of_run(run, tasks.names(), "run").name == "segmentation"


def test_a_colorizer_without_settings_is_of_the_task_that_others_derive_from():
    run = _run("colorizer", None)
    assert tasks.of_run(run, tasks.names(), "run").name == "colorization"
    assert len(tasks.makers("colorizer")) > 1


@pytest.mark.parametrize("name", ["detection", "classification", "colorization"])
def test_a_task_that_makes_no_such_models_is_refused(name):
    run = _run("segmenter", {"task": name})
    with pytest.raises(ValueError, match=f"names one of segmentation.*run with {name}"):
        tasks.of_run(run, tasks.names(), "run")


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="Expected a segmenter.*Received: run, a back"):
        tasks.of_run(_run("backbone", None), ["segmentation"], "run")
