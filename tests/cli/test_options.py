"""Flags that tools share."""

import pytest

from selfsup.cli.options import ReportOptions, RunOptions


def test_tools_that_train_have_a_workdir():
    options = RunOptions(workdir="run")
    assert (options.overwrite, options.config) == (False, None)


def test_tools_that_evaluate_have_a_model():
    assert ReportOptions(ckpt="sample").output is None
    with pytest.raises(TypeError, match="Received: ckpt=None"):
        ReportOptions()
