"""`--help`: defaults by preset, groups, the width; and what a wrong flag meant."""

import dataclasses
import re

import pytest

from selfsup.cli import (
    analyze,
    benchmark,
    help_text,
    probe,
    train_colorizer,
    train_voc,
)
from selfsup.cli.options import RunOptions
from selfsup.settings import Config, setting


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags beside the settings."""

    output: str = setting(None, "Folder of the result.", path=True)


@dataclasses.dataclass(frozen=True)
class Bread(Config):
    """Settings of bread."""

    grams: int = setting(500, "Weight of the loaf.", 1, 5000)
    salt: float = setting(0.02, "Share of salt.", 0, 1)
    seeds: tuple[str, ...] = setting((), "Seeds in it.")


def test_defaults_of_presets_stand_side_by_side():
    defaults = {
        "small": {"grams": 100, "salt": 0.02, "seeds": ()},
        "large": {"grams": 900, "salt": 0.02, "seeds": ()},
        "huge": {"grams": 900, "salt": 0.02, "seeds": ()},
    }
    text = help_text.help_text("Bakes.", Options, {"bread": Bread}, defaults)
    assert "loaf. (default: 100 small; 900 large, huge)\n" in text
    assert "Share of salt. (default: 0.02)\n" in text


def test_the_text_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = help_text.help_text("Bakes.", Options, {"bread": Bread}, {})
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize("tool", [train_colorizer.TOOL, train_voc.TOOL])
def test_a_tool_that_trains_shows_every_flag_once_in_groups(tool):
    text = help_text.help_text(tool.doc, tool.options, tool.configs, tool.defaults)
    titles = [line for line in text.splitlines() if line[:1].isalpha()][-5:]
    assert titles == ["Most used:", "Data:", "Network:", "Training:", "Output:"]
    flags = [line.split(":")[0] for line in text.splitlines() if line[:4] == "  --"]
    names = [flag.strip(" -").removeprefix("[no]") for flag in flags]
    found = help_text.fields(tool.options, tool.configs)
    assert sorted(names) == sorted(found)
    shown = text.split("\nData:")[0].split("Most used:")[1]
    assert shown.count("\n  --") == 10
    assert "--workdir" in shown and "--learning_rate" in shown


def test_other_tools_of_many_flags_have_groups_too():
    for module in (analyze, benchmark, probe):
        tool = module.TOOL
        text = help_text.help_text(tool.doc, tool.options, tool.configs, tool.defaults)
        titles = [line for line in text.splitlines() if line.endswith(":")]
        assert titles[0] == "Most used:" and "Other:" in titles
        for name in help_text.fields(tool.options, tool.configs):
            assert len(re.findall(rf"^  --(?:\[no\])?{name}:", text, re.MULTILINE)) == 1


def test_several_values_and_several_owners_are_listed_in_words():
    configs = dict.fromkeys(("bread", "rolls", "cake"), Bread) | {"none": Options}
    defaults = {"bread": {"seeds": ("rye", "oats")}}
    text = help_text.help_text("Bakes.", Options, configs, defaults)
    text = " ".join(text.split())
    assert "Only for bread, rolls and cake. (default: rye, oats)" in text


def test_groups_name_flags_that_there_are():
    known = set()
    for module in ("train_colorizer", "train_voc", "train_classifier", "pretrain"):
        tool = __import__(f"selfsup.cli.{module}", fromlist=["TOOL"]).TOOL
        assert issubclass(tool.options, RunOptions)
        known |= set(help_text.fields(tool.options, tool.configs))
    listed = {name for group in help_text._GROUPS.values() for name in group}
    assert {*listed, *help_text._FIRST} <= known


@pytest.mark.parametrize(
    "name, expected",
    [
        ("lr", ["learning_rate"]),
        ("step", ["steps"]),
        ("batch", ["batch_size"]),
        ("learning_rat", ["learning_rate"]),
        ("workdri", ["workdir"]),
        ("val", ["val_data", "val_fraction"]),
        ("zzz", []),
    ],
)
def test_a_wrong_flag_names_what_it_may_mean(name, expected):
    tool = train_colorizer.TOOL
    names = [*help_text.fields(tool.options, tool.configs)]
    assert help_text.meant(name, names) == expected
