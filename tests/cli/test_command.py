"""`selfsup NAME`: every tool by its name, and a list of them."""

import importlib

import pytest

from selfsup.cli import command


def test_the_overview_has_a_line_for_each_tool(capsys):
    command.main(["selfsup"])
    lines = capsys.readouterr().out.splitlines()
    for name in command.NAMES:
        module = importlib.import_module(f"selfsup.cli.{name}")
        summary = module.__doc__.splitlines()[0]
        assert [line.split(None, 1) for line in lines].count([name, summary]) == 1


def test_a_name_runs_the_tool_with_the_rest(capsys):
    command.main(["selfsup", "colorize", "--help"])
    assert "--ckpt" in capsys.readouterr().out


def test_an_unknown_name_takes_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["selfsup", "colorise"])
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: There is no such tool. Expected one of train_")
    assert line.endswith("Received: colorise")
