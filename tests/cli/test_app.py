"""Tools: flags from configurations, help with defaults, errors in one line."""

import dataclasses
import json
import os
import re
import shlex
import signal
import sys

import pytest
import tensorflow as tf
from absl import logging

from selfsup import progress, stopping
from selfsup.cli.app import Tool
from selfsup.settings import Config, setting

import tool_calls


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Flags beside the settings."""

    output: str = setting(None, "Folder of the result.", path=True)
    config: str | None = setting(None, "File of settings.", path=True)
    loud: bool = setting(False, "Say more.")


@dataclasses.dataclass(frozen=True)
class Bread(Config):
    """Settings of bread."""

    grams: int = setting(500, "Weight of the loaf.", 1, 5000)
    salt: float = setting(0.02, "Share of salt.", 0, 1)
    seeds: tuple[str, ...] = setting((), "Seeds in it.")
    recipes: tuple[str, ...] = setting((), "Files of recipes.", path=True)


@dataclasses.dataclass(frozen=True)
class Soup(Config):
    """Settings of soup; it shares a field with bread."""

    salt: float = setting(0.01, "Share of salt.", 0, 1)
    herbs: str | None = setting(None, "Herbs. Default: none.")
    hot: bool = setting(True, "Whether it is hot.")


def _tool(main=None, **kwargs):
    received = []

    def keep(*arguments):
        received.append(arguments)
        if main is not None:
            main(*arguments)

    kwargs = {"configs": {"bread": Bread, "soup": Soup}, **kwargs}
    return Tool("Cooks.\n\n    cook --output o\n", keep, Options, **kwargs), received


def test_flags_reach_the_tool_by_their_owner():
    tool, received = _tool()
    flags = "--output=o --loud --grams 3 --salt=.5 --seeds a --seeds=b,c --nohot"
    assert tool_calls.call(tool, *flags.split()) == (0, "")
    ((options, given),) = received
    assert options == Options(output="o", loud=True)
    # Only what was given: the defaults are those of a configuration.
    expected = {"grams": 3, "salt": 0.5, "seeds": ("a", "b,c"), "hot": False}
    assert given == expected


def test_a_tool_runs_any_number_of_times():
    tool, received = _tool()
    for flags in (["--output=o", "--grams=1"], ["--output=p", "--salt=1"]):
        tool_calls.call(tool, *flags)
    assert [given for _, given in received] == [{"grams": 1}, {"salt": 1.0}]


def test_help_shows_the_text_and_every_flag_with_its_default():
    tool, received = _tool()
    answer = tool_calls.call(tool, "--help")
    assert answer.code == 0 and not received
    assert answer.text.startswith("Cooks.\n\n    cook --output o\n\nFlags:\n")
    assert answer.text.split("Flags:\n")[1] == (
        "  --output: Folder of the result. (required)\n"
        "  --config: File of settings.\n"
        "  --[no]loud: Say more. (default: False)\n"
        "  --grams: Weight of the loaf. Only for bread. (default: 500)\n"
        "  --salt: Share of salt. (default: 0.02 bread; 0.01 soup)\n"
        "  --seeds: Seeds in it. Repeatable. Only for bread.\n"
        "  --recipes: Files of recipes. Repeatable. Only for bread.\n"
        "  --herbs: Herbs. Default: none. Only for soup.\n"
        "  --[no]hot: Whether it is hot. Only for soup. (default: True)\n"
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--grams=3"], "Flag --output is missing. Expected: Folder of the result. Re"),
        (["--output=o", "--graams=3"], "Expected --grams. Received: --graams"),
        (["--output=o", "--grams=three"], "flag --grams=three"),
        (["--output=o", "--grams"], "grams"),
        (["--output=o", "o"], "Expected flags only. Received: 'o'"),
        (["--output=o", "--config=/no/where.json"], "Received: /no/where.json"),
    ],
    ids=["missing", "unknown", "no number", "no value", "argument", "no file"],
)
def test_bad_flags_take_one_line(arguments, message):
    tool, received = _tool()
    assert message in tool_calls.call(tool, *arguments).error_line()
    assert not received


@dataclasses.dataclass(frozen=True)
class Dish(Config):
    """What is cooked."""

    task: str = setting("bread", "The dish.", choices=("bread", "soup"))


def test_flags_of_another_choice_are_named():
    tool, received = _tool()
    tool.options = Dish
    tool_calls.call(tool, "--task=soup", "--salt=0.5", "--nohot")
    assert received == [(Dish("soup"), {"salt": 0.5, "hot": False})]
    line = tool_calls.call(tool, "--grams=3", "--hot", "--herbs=dill").error_line()
    assert "not for --task=bread" in line
    assert line.endswith("Received: --herbs, --hot")


def test_flags_win_over_a_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"task": "bread", "grams": 7, "salt": 0.25}))
    tool, received = _tool()
    flags = ["--output=o", f"--config={path}", "--grams=8"]
    assert tool_calls.call(tool, *flags).code == 0
    ((options, given),) = received
    assert options.config == str(path)
    assert given == {"grams": 8, "salt": 0.25}


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "Expected JSON"),
        ("[1, 2]", "Expected a JSON object"),
        ("3", "Received: 3"),
        ('{"task": "bread", "gram": 3}', "Expected grams. Received: gram in"),
    ],
)
def test_a_file_that_holds_no_settings_is_named(content, message, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(content)
    tool, received = _tool()
    line = tool_calls.call(tool, "--output=o", f"--config={path}").error_line()
    assert message in line and str(path) in line
    assert not received


def test_the_home_folder_is_meant_in_every_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config.json").write_text('{"recipes": ["~/a", "b"], "seeds": ["~"]}')
    flags = "--output ~/o --config=~/config.json ~/x.jpg y~.jpg".split()
    tool, received = _tool(arguments=True)
    assert tool_calls.call(tool, *flags) == (0, "")
    assert tool_calls.call(tool, *flags, "--recipes", "~/c") == (0, "")
    (options, given, rest), (_, given_too, _) = received
    assert options.output == str(tmp_path / "o")
    assert given == {"recipes": (str(tmp_path / "a"), "b"), "seeds": ["~"]}
    assert given_too["recipes"] == (str(tmp_path / "c"),)
    assert rest == [str(tmp_path / "x.jpg"), "y~.jpg"]


def test_other_arguments_may_stand_among_flags():
    tool, received = _tool(arguments=True)
    tool_calls.call(tool, "a", "--output=o", "b", "--grams=1", "--", "--c")
    ((options, given, rest),) = received
    assert (options.output, given, rest) == ("o", {"grams": 1}, ["a", "b", "--c"])


@pytest.mark.parametrize(
    "error, line",
    [
        (ValueError("Two\n  lines."), "Error: Two lines."),
        (FileNotFoundError("No file."), "Error: No file."),
        (FloatingPointError("Not finite."), "Error: Not finite."),
        (MemoryError(), "Error: MemoryError"),
        (ImportError("No onnx."), "Error: No onnx."),
        (tf.errors.OpError(None, None, "Disk full.", 8), "Error: Disk full."),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_errors_of_the_user_take_one_line(error, line):
    def fail(*arguments):
        raise error

    tool, _ = _tool(fail)
    assert tool_calls.call(tool, "--output=o").error_line().startswith(line)


@pytest.mark.parametrize(
    "number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("swallowed", [False, True])
@pytest.mark.usefixtures("terminal")
def test_a_signal_takes_one_line_that_is_no_error(number, code, swallowed):
    def work(*arguments):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt as stop:
            if swallowed:
                raise tf.errors.UnknownError(None, None, "KeyboardInterrupt") from stop
            raise stopping.Stopped("after step 3 of 5") from stop

    tool, _ = _tool(work)
    answer = tool_calls.call(tool, "--output=o")
    where = "Stopped" if swallowed else "Stopped after step 3 of 5"
    command = shlex.join(sys.orig_argv)
    assert answer == (code, f"{where}. Go on with: {command}\n")


@pytest.mark.parametrize(
    "leave, between", [(True, r"[^\r\n]*\n"), (False, r"[^\r\n]*\r +\r")]
)
def test_an_error_stands_in_a_line_of_its_own(leave, between):
    def work(*arguments):
        for _ in progress.progress_bar("ab", "checking", leave=leave):
            raise ValueError("A mistake.")

    tool, _ = _tool(work)
    text = tool_calls.call(tool, "--output=o").text
    assert re.search(f"checking:{between}Error: A mistake.\n$", text), text


def test_what_controls_a_terminal_is_escaped():
    def work(*arguments):
        logging.info("a\tb\nc\x1b[31m %s", "d\x07\x9b")
        raise ValueError("Received: \x1b]0;x\x00")

    tool, _ = _tool(work)
    assert tool_calls.call(tool, "--output=o").text == (
        "a\tb\nc\\x1b[31m d\\x07\\x9b\nError: Received: \\x1b]0;x\\x00\n"
    )


def test_errors_of_ours_keep_their_trace():
    def fail(*arguments):
        raise KeyError("a bug")

    tool, _ = _tool(fail)
    with pytest.raises(KeyError, match="a bug"):
        tool_calls.call(tool, "--output=o")


def test_what_is_logged_is_shown_as_it_is():
    def work(*arguments):
        logging.info("50 %% of %d", 8)
        logging.warning("gray")
        logging.info("Sharding callback took 3 ms")
        logging.debug("detail")

    tool, _ = _tool(work)
    assert tool_calls.call(tool, "--output=o") == (0, "50 % of 8\ngray\n")


def test_control_characters_are_shown_not_sent():
    def spoil(*_):
        raise ValueError("Received: \x1b]0;title\x07 \x9b2J \u202e caf\u00e9 \udcff")

    tool, _ = _tool(spoil)
    code, text = tool_calls.call(tool, "--output=o")
    assert code == 1
    assert text.strip() == (
        "Error: Received: \\x1b]0;title\\x07 \\x9b2J \\u202e caf\u00e9 \\udcff"
    )


def test_errors_of_the_system_name_the_file(tmp_path):
    tool, _ = _tool(lambda *_: (tmp_path / "no" / "x").write_text(""))
    code, text = tool_calls.call(tool, "--output=o")
    assert code == 1 and f"Received: {tmp_path}/no/x (No such file" in text
    assert "Errno" not in text


def test_settings_that_are_a_folder(tmp_path):
    tool, _ = _tool()
    code, text = tool_calls.call(tool, "--output=o", f"--config={tmp_path}")
    assert code == 1 and f"Expected JSON. Received: {tmp_path} (Is a dir" in text
