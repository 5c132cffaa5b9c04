"""Checks that all configurations share."""

import dataclasses

import pytest

from selfsup.training import settings


@dataclasses.dataclass(frozen=True)
class _Config:
    names: tuple[str, ...] = settings.setting((), "Some names.")
    kind: str = settings.setting("a", "Which kind.")
    size: float = settings.setting(1.0, "How large.")


def test_a_setting_has_its_default_and_help():
    (field,) = [f for f in dataclasses.fields(_Config) if f.name == "kind"]
    assert (field.default, field.metadata["help"]) == ("a", "Which kind.")


def test_json_gives_the_configuration_back():
    config = _Config(("x", "y"), "b", 2.5)
    content = {"names": ["x", "y"], "kind": "b", "size": 2.5}
    assert settings.from_json(_Config, content) == config


def test_json_of_other_fields_is_refused_by_name():
    content = {"names": [], "kind": "b", "extent": 3}
    with pytest.raises(ValueError, match=r"without \['size'\].*unknown \['extent'\]"):
        settings.from_json(_Config, content)


def test_strings_are_no_tuples():
    with pytest.raises(TypeError, match="`names` must be a tuple.*names='x'"):
        settings.check_tuples(_Config("x"), ("names",))
    settings.check_tuples(_Config(("x",)), ("names",))


def test_choices():
    settings.check_choices(_Config(), {"kind": ("a", "b")})
    with pytest.raises(ValueError, match="`kind` must be one of a, b.*kind='c'"):
        settings.check_choices(_Config(kind="c"), {"kind": ("a", "b")})


@pytest.mark.parametrize("size", [-0.1, 1.1, float("nan"), float("inf")])
def test_ranges_refuse_what_is_outside_and_nan(size):
    with pytest.raises(ValueError, match=r"`size` must be in \[0, 1\]"):
        settings.check_ranges(_Config(size=size), {"size": (0, 1)})


@pytest.mark.parametrize("size", [0, 0.5, 1])
def test_ranges_hold_both_ends(size):
    settings.check_ranges(_Config(size=size), {"size": (0, 1)})
