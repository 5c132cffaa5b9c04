"""Fields of configurations: what they accept, and their way through JSON."""

import dataclasses
import json

import pytest

from selfsup.settings import Config, changed, setting, value_type


@dataclasses.dataclass(frozen=True)
class Small(Config):
    names: tuple[str, ...] = setting((), "Some names.")
    kind: str = setting("a", "Which kind.", choices=("a", "b"))
    size: float = setting(1.0, "How large.", 0, 1)
    count: int | None = setting(None, "How many.", 1, resumable=True)
    deep: bool = setting(False, "Whether it is deep.")


@dataclasses.dataclass(frozen=True)
class Larger(Small):
    size: float = changed(Small, "size", 0.5)
    count: int | None = changed(Small, "count", 3, "How many of them.")


def _field(config, name):
    return config.__dataclass_fields__[name]


def test_a_file_gives_the_configuration_back():
    config = Small(("x", "y"), "b", 0.25, 7, True)
    assert Small.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_missing_fields_take_their_defaults():
    assert Larger.from_json({"kind": "b"}) == Larger(kind="b", size=0.5, count=3)


def test_unknown_fields_are_all_named():
    with pytest.raises(ValueError, match=r"Received: color, extent$"):
        Small.from_json({"names": [], "extent": 3, "color": True})


@pytest.mark.parametrize("content", [[], "text", None, 3])
def test_other_json_is_refused(content):
    with pytest.raises(TypeError, match="must be a JSON object"):
        Small.from_json(content)


@pytest.mark.parametrize(
    "bad", [{"size": -0.1}, {"size": 1.1}, {"size": float("nan")}, {"count": 0}]
)
def test_values_out_of_range_are_named(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={value}"):
        Small(**bad)
    with pytest.raises(ValueError, match=f"{name}={value}"):
        Larger(**bad)


def test_other_choices_are_named():
    with pytest.raises(ValueError, match="`kind` must be one of a, b.*kind='c'"):
        Small(kind="c")


@pytest.mark.parametrize(
    "bad",
    [
        {"names": "x"},
        {"names": None},
        {"kind": 1},
        {"size": "1"},
        {"size": True},
        {"count": 1.5},
        {"deep": 1},
        {"deep": None},
    ],
    ids=str,
)
def test_other_types_are_named(bad):
    (name,) = bad
    with pytest.raises(TypeError, match=f"`{name}` must be of type"):
        Small(**bad)


def test_both_ends_of_a_range_belong_to_it():
    assert [Small(size=size).size for size in (0, 1, 0.5)] == [0, 1, 0.5]
    assert Small(count=1).count == 1


def test_differences_leave_out_what_may_change():
    new, old = Small(size=0.5, count=2, kind="b"), Small(count=1)
    assert new.differences(old) == {"kind": ("a", "b"), "size": (1.0, 0.5)}


def test_spellings_of_a_place_are_one_value(tmp_path, monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Places(Config):
        folder: str = setting("a", "A folder.", path=True)
        others: tuple[str, ...] = setting((), "Folders.", path=True)
        name: str = setting("a", "No path.")

    monkeypatch.chdir(tmp_path)
    one = Places(others=("b/../a", "tfds:x/train"))
    other = Places(str(tmp_path / "a"), ("./a", "tfds:x/train"), "./a")
    assert one.differences(other) == {"name": ("./a", "a")}
    assert set(Places("b").differences(other)) == {"folder", "others", "name"}


def test_a_changed_field_keeps_its_rules():
    assert _field(Larger, "size").metadata == _field(Small, "size").metadata
    count = _field(Larger, "count").metadata
    assert (count["help"], count["low"], count["resumable"]) == (
        "How many of them.",
        1,
        True,
    )
    assert Larger() == Larger(size=0.5, count=3)


@pytest.mark.parametrize(
    "name, kind", [("names", tuple), ("kind", str), ("count", int), ("deep", bool)]
)
def test_types_of_values(name, kind):
    assert value_type(_field(Small, name)) is kind


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_must_be_finite(value):
    @dataclasses.dataclass(frozen=True)
    class Open(Config):
        rate: float = setting(1.0, "Without a limit above.", 0)

    with pytest.raises(ValueError, match="must be a finite number. Received: rate="):
        Open(rate=value)
